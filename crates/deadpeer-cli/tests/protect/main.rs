//! `deadpeer protect` on real sockets: what it changes, what it leaves alone, and the way back.

#[path = "../common/mod.rs"]
mod common;

mod burst;
mod changed;
mod held;
mod histories;
mod killed;
mod moments;
mod new_connections;
#[path = "../watch/observer.rs"]
#[allow(dead_code, reason = "the tests of watch use the rest of it")]
mod observer;
mod privilege;
mod programs;
mod refusals;
mod sockets;
mod sysctl;
mod undoing;
