//! One option to set, whatever the language.

use deadpeer_core::SocketOptions;

/// One option to set, as setsockopt(2) takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) struct Setting {
    pub(in crate::plan) level: &'static str,
    pub(in crate::plan) option: &'static str,
    pub(in crate::plan) value: u32,
    pub(in crate::plan) unit: &'static str,
}

/// The options that the plan sets, in the order to set them.
pub(in crate::plan) fn settings(options: &SocketOptions) -> Vec<Setting> {
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
pub(super) mod tests {
    use super::*;

    /// Every option set, each to a value of its own.
    pub(in crate::plan::code) fn everything() -> SocketOptions {
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
