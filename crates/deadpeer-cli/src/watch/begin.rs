//! Before the first death: how deaths are seen.

#![allow(
    clippy::print_stderr,
    reason = "remarks are for people, and stdout is for what was asked for"
)]

use deadpeer_host::deaths::{Deaths, Means};
use deadpeer_report::sanitize::sanitize;

use crate::filter_args::Chosen;

/// Says on stderr how deaths are seen, and what that leaves out.
pub(super) fn begin(deaths: &Deaths, chosen: &Chosen) {
    let how = match deaths.means() {
        Means::Bpf => "Watching by eBPF",
        Means::SockDiag => "Watching by sock_diag",
    };
    let whose = if chosen.is_filtered() {
        ", as filtered"
    } else {
        ""
    };
    remark!("{how}{whose}; interrupt to end.");
    if let Some(mistyped) = chosen.mistyped() {
        remark!("{mistyped}");
    }
    for remark in deaths.remarks() {
        remark!("{}", sanitize(&remark));
    }
}
