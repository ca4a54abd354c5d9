//! `deadpeer ping` and `deadpeer kill` on connections of other processes.

#[path = "../common/mod.rs"]
mod common;

mod by_kernel;
mod close_wait;
mod kill;
mod killed;
mod ping;
mod privilege;
mod scenes;
