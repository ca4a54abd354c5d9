//! `deadpeer guard` on a real server behind the lab's wire.

#[path = "../common/mod.rs"]
mod common;

mod configuration;
mod history;
mod hooks;
mod killed;
mod memory;
mod metrics;
mod new_connections;
mod redis;
mod scene;
mod stopped;
mod unit;
