//! Real programs that set their connections' options themselves, or don't, under `deadpeer run` and
//! `protect --new-connections`: five seconds after accept() what is in force keeps the deadline and
//! survives two lost probes, and a live peer behind an outage is not given up.
//!
//! All programs run at once, so that the waits are waited for once.

#[path = "../common/mod.rs"]
mod common;

mod judge;
mod outage;
mod programs;
mod standing;
