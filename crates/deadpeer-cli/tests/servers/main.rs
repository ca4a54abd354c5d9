//! `deadpeer test` on real servers: those that notice pass, those that don't fail, and what is no
//! server is refused.
//!
//! Everything runs as the user nobody where the tests are run by root: no privilege is needed.

#[path = "../common/mod.rs"]
mod common;

mod interrupt;
mod junit;
mod mosquitto;
mod nginx;
mod pipelines;
mod postgres;
mod python;
mod recipes;
mod redis;
mod refused;
mod report;
mod room;
mod static_binary;
