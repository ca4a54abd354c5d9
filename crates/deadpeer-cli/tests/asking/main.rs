//! `deadpeer ping` and `deadpeer kill` on connections of other processes.

#[path = "../common/mod.rs"]
mod common;

mod kill;
mod ping;
mod privilege;
mod scenes;
