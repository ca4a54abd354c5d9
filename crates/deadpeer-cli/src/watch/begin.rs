//! Before the first death: how deaths are seen.

#![allow(
    clippy::print_stderr,
    reason = "remarks are for people, and stdout is for what was asked for"
)]

use deadpeer_host::deaths::{Deaths, Means};
use deadpeer_report::sanitize::sanitize;

/// Says on stderr how deaths are seen, and what that leaves out.
pub(super) fn begin(deaths: &Deaths, filtered: bool) {
    let how = match deaths.means() {
        Means::Bpf => "Watching by eBPF",
        Means::SockDiag => "Watching by sock_diag",
    };
    let whose = if filtered { ", as filtered" } else { "" };
    eprintln!("{how}{whose}; interrupt to end.");
    for remark in deaths.remarks() {
        eprintln!("{}", sanitize(&remark));
    }
}
