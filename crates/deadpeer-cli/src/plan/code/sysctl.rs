//! The options as sysctl lines, with what sysctls cannot do said beside them.

use std::fmt::Write as _;

use deadpeer_core::SocketOptions;
use deadpeer_core::policy::SysctlSettings;

/// Lines for `/etc/sysctl.d/`, and in comments what they leave open.
///
/// `in_flight` is how long a kernel with these lines and no socket option takes to notice while
/// data is in flight.
pub(in crate::plan) fn sysctl(
    options: &SocketOptions,
    sysctls: &SysctlSettings,
    promise: &str,
    in_flight: &str,
) -> String {
    let mut code = format!(
        "# {promise}\n# These are defaults: they apply to every program in the network namespace that does not set its own values.\n"
    );
    for (name, value) in [
        ("tcp_keepalive_time", options.keepidle_s),
        ("tcp_keepalive_intvl", options.keepintvl_s),
        ("tcp_keepalive_probes", options.keepcnt),
        ("tcp_rto_max_ms", options.rto_max_ms),
        ("tcp_syn_retries", options.syncnt),
    ] {
        if let Some(value) = value {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(code, "net.ipv4.{name} = {value}");
        }
    }
    for (name, value) in sysctls.iter() {
        let _ = writeln!(code, "{name} = {value}");
    }
    if options.keepalive == Some(true) {
        code.push_str("# No sysctl turns keepalive on: unless the program sets SO_KEEPALIVE, the keepalive times have no effect.\n");
    }
    if let Some(ms) = options.user_timeout_ms.filter(|ms| *ms > 0) {
        let _ = writeln!(
            code,
            "# No sysctl sets a user timeout (TCP_USER_TIMEOUT = {ms} in the plan): without it, a peer that\n\
             # vanishes with data in flight is noticed {in_flight}."
        );
    }
    code
}

#[cfg(test)]
mod tests {
    use super::super::tests::everything;
    use super::*;

    #[test]
    fn what_sysctls_cannot_do_is_said() {
        let code = sysctl(
            &everything(),
            &SysctlSettings::default(),
            "A promise.",
            "after 15m 38s",
        );
        assert!(
            code.contains("\nnet.ipv4.tcp_keepalive_time = 20\n"),
            "{code}"
        );
        assert!(code.contains("SO_KEEPALIVE"), "{code}");
        assert!(code.contains("TCP_USER_TIMEOUT = 28000"), "{code}");
        assert!(code.contains("after 15m 38s"), "{code}");
        let settings = code.lines().filter(|line| !line.starts_with('#'));
        assert!(
            settings
                .clone()
                .all(|line| line.starts_with("net.ipv4.tcp_"))
        );
        assert_eq!(settings.count(), 5);
    }

    #[test]
    fn without_a_user_timeout_nothing_is_missing_but_the_switch() {
        let mut options = everything();
        options.user_timeout_ms = None;
        let code = sysctl(
            &options,
            &SysctlSettings::default(),
            "A promise.",
            "after 15 s",
        );
        assert!(!code.contains("USER_TIMEOUT"), "{code}");
    }
}
