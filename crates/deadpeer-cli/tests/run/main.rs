//! `deadpeer run`: programs end as they would alone, and notice a peer without power.

#[path = "../common/mod.rs"]
mod common;

mod codes;
mod given;
mod leftovers;
mod nested;
mod power_off;
mod signals;
mod ways;
