//! `deadpeer guard` on a real server behind the lab's wire.

#[path = "../common/mod.rs"]
mod common;

mod configuration;
mod metrics;
mod redis;
mod scene;
