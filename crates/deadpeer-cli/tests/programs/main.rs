//! `deadpeer audit` on real programs: what it shows of their sockets is compared, value by value,
//! with the configuration they were started with.
//!
//! Each test starts its program in a network namespace of its own, on its usual port, and talks to
//! it until the program has answered. Then its options are set and its sockets stay as they are.

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod memcached;
mod nginx;
mod postgres;
mod program;
mod redis;
mod settings;
mod sshd;
mod states;
mod static_binary;
mod surprises;
mod unprivileged;
