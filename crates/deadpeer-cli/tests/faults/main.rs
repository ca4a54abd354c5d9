//! Machines and sockets that don't offer what the command would like: each is a clear sentence, and nothing is done by halves.

#[path = "../common/mod.rs"]
mod common;

mod hidden;
mod multipath;
mod namespaces;
mod no_btf;
mod no_cgroup;
mod over;
