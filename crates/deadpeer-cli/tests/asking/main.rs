//! `deadpeer ping` and `deadpeer kill` on connections of other processes.

#[path = "../common/mod.rs"]
mod common;

mod kill;
mod killed;
mod ping;
mod privilege;
mod scenes;
