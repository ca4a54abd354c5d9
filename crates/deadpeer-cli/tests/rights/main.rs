//! Which rights each verb takes: with those that its help names it does its work, and with one less
//! it says what is missing. `ping`, `kill` and `protect` have such tests beside their others.

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod guard;
mod namespaces;
mod run;
mod watch;

use deadpeer_host::{Namespace, Table};
use deadpeer_sys::testing::skip;

/// Whether eBPF can be had here at all.
fn has_bpf() -> bool {
    let mut table = Table::open(&Namespace::Own).expect("our own namespace");
    match table.use_bpf() {
        Ok(()) => true,
        Err(why) => {
            skip(&format!("no eBPF: {why}"));
            false
        }
    }
}
