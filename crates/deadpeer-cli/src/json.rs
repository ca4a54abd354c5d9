//! Options, as the stories of `explain` have them.
//!
//! Field names are the kernel's where it has one, with the unit in the name. `null` means "unknown"
//! or "not set"; that something never happens is said by the word "never".

use deadpeer_core::SocketOptions;
use serde::Serialize;

/// Socket options; null: not set by the plan, or no such option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OptionsJson {
    /// SO_KEEPALIVE.
    pub(crate) so_keepalive: Option<bool>,
    /// TCP_KEEPIDLE, seconds.
    pub(crate) tcp_keepidle_s: Option<u32>,
    /// TCP_KEEPINTVL, seconds.
    pub(crate) tcp_keepintvl_s: Option<u32>,
    /// TCP_KEEPCNT, probes.
    pub(crate) tcp_keepcnt: Option<u32>,
    /// TCP_USER_TIMEOUT, milliseconds; 0: none.
    pub(crate) tcp_user_timeout_ms: Option<u32>,
    /// TCP_RTO_MAX_MS, milliseconds.
    pub(crate) tcp_rto_max_ms: Option<u32>,
    /// TCP_SYNCNT, SYNs sent again.
    pub(crate) tcp_syncnt: Option<u32>,
}

impl OptionsJson {
    /// Options to set.
    pub(crate) fn of(options: &SocketOptions) -> Self {
        Self {
            so_keepalive: options.keepalive,
            tcp_keepidle_s: options.keepidle_s,
            tcp_keepintvl_s: options.keepintvl_s,
            tcp_keepcnt: options.keepcnt,
            tcp_user_timeout_ms: options.user_timeout_ms,
            tcp_rto_max_ms: options.rto_max_ms,
            tcp_syncnt: options.syncnt,
        }
    }
}
