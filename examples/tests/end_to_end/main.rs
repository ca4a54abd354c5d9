//! Every example on the lab's wire: beside peers that lose their power or are forgotten by a NAT,
//! peers that are slow and live.

#[path = "../programs/mod.rs"]
#[allow(dead_code, reason = "two tests share it, and each uses its own part")]
mod programs;
mod scene;

mod clients;
mod orderly;
mod pool;
mod servers;
mod sqlx;
