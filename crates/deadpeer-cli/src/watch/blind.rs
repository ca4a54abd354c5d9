//! How deaths are seen, and which cannot be.

#![allow(
    clippy::print_stderr,
    reason = "remarks are for people, and stdout is for what was asked for"
)]

use crate::text::plural::plural_of;
use crate::text::sanitize::sanitize;
use deadpeer_host::deaths::{Deaths, Means};

/// Says on stderr how deaths are seen, and what that leaves out.
pub(super) fn say(deaths: &Deaths, filtered: bool) {
    let how = match deaths.means() {
        Means::Bpf => "Watching by eBPF",
        Means::SockDiag => "Watching by sock_diag",
    };
    let whose = if filtered { ", as filtered" } else { "" };
    eprintln!("{how}{whose}; interrupt to end.");
    for remark in remarks(deaths) {
        eprintln!("{}", sanitize(&remark));
    }
}

/// What cannot be seen, as sentences.
pub(super) fn remarks(deaths: &Deaths) -> Vec<String> {
    let mut remarks = Vec::new();
    if deaths.means() == Means::SockDiag {
        let why = match deaths.without_bpf() {
            Some(why) => format!("No eBPF: {why}. "),
            None => String::new(),
        };
        remarks.push(format!(
            "{why}Without eBPF a death shows when its owner closes the connection, or within seconds; the kernel's error does not show, \
             so causes are likely, not certain; and of connections that live shorter than a second the owner does not show."
        ));
    }
    if deaths.unreadable_processes() > 0 {
        remarks.push(format!(
            "The descriptors of {} may not be looked at (CAP_SYS_PTRACE): their connections may die without a name.",
            plural_of(
                deaths.unreadable_processes() as u64,
                "process",
                "processes"
            )
        ));
    }
    remarks
}
