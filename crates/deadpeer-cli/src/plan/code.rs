//! A plan as code to paste.
//!
//! Every language sets the options in the same order: `SO_KEEPALIVE` first and `TCP_KEEPIDLE` last,
//! so that the timer of an open connection is armed with all other values in force and silence that
//! has already passed counts (net/ipv4/tcp.c, `tcp_sock_set_keepidle_locked`).

mod c;
mod rust;
mod sysctl;

use deadpeer_core::SocketOptions;

pub(super) use c::c;
pub(super) use rust::{libc, rust};
pub(super) use sysctl::sysctl;

/// What to print code for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// setsockopt calls
    C,
    /// With the crate deadpeer
    Rust,
    /// Rust with the crate libc alone
    Libc,
    /// The defaults of the network namespace, as far as there are any
    Sysctl,
}

/// One option to set, as setsockopt(2) takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) level: &'static str,
    pub(super) option: &'static str,
    pub(super) value: u32,
    pub(super) unit: &'static str,
}

/// The options that the plan sets, in the order to set them.
pub(super) fn settings(options: &SocketOptions) -> Vec<Setting> {
    let tcp = |option, value: Option<u32>, unit| {
        value.map(|value| Setting {
            level: "IPPROTO_TCP",
            option,
            value,
            unit,
        })
    };
    let keepalive = options.keepalive.map(|on| Setting {
        level: "SOL_SOCKET",
        option: "SO_KEEPALIVE",
        value: on.into(),
        unit: if on { "on" } else { "off" },
    });
    [
        keepalive,
        tcp(
            "TCP_KEEPINTVL",
            options.keepintvl_s,
            "seconds between probes",
        ),
        tcp("TCP_KEEPCNT", options.keepcnt, "unanswered probes"),
        tcp("TCP_USER_TIMEOUT", options.user_timeout_ms, "milliseconds"),
        tcp(
            "TCP_RTO_MAX_MS",
            options.rto_max_ms,
            "milliseconds, Linux 6.15",
        ),
        tcp("TCP_SYNCNT", options.syncnt, "SYNs sent again"),
        tcp(
            "TCP_KEEPIDLE",
            options.keepidle_s,
            "seconds of silence before the first probe",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every option set, each to a value of its own.
    pub(super) fn everything() -> SocketOptions {
        let mut options = SocketOptions::default();
        options.keepalive = Some(true);
        options.keepidle_s = Some(20);
        options.keepintvl_s = Some(1);
        options.keepcnt = Some(8);
        options.user_timeout_ms = Some(28_000);
        options.rto_max_ms = Some(3_000);
        options.syncnt = Some(4);
        options
    }

    #[test]
    fn keepalive_comes_first_and_keepidle_last() {
        let names: Vec<&str> = settings(&everything()).iter().map(|s| s.option).collect();
        assert_eq!(names.len(), 7);
        assert_eq!(names.first(), Some(&"SO_KEEPALIVE"));
        assert_eq!(names.last(), Some(&"TCP_KEEPIDLE"));
    }

    #[test]
    fn what_the_plan_leaves_alone_is_not_set() {
        assert_eq!(settings(&SocketOptions::default()), []);
    }
}
