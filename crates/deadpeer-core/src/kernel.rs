//! What a kernel is and how it is set: the part of a forecast that does not belong to one socket.

use crate::tcp_info::KernelVersion;
use crate::wheel::CLOCK_RATES;

/// The sysctls under `/proc/sys/net/ipv4/` that decide when a connection is given up
/// (ip-sysctl.rst).
///
/// They belong to a network namespace. Fields that came with a later kernel are `None` where the
/// kernel has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Sysctls {
    /// `tcp_keepalive_time`, seconds of silence before the first probe.
    pub keepalive_time_s: u32,
    /// `tcp_keepalive_intvl`, seconds between probes.
    pub keepalive_intvl_s: u32,
    /// `tcp_keepalive_probes`, unanswered probes until the connection is dead.
    pub keepalive_probes: u32,
    /// `tcp_retries2`: bounds how long unacknowledged data is sent again.
    pub retries2: u32,
    /// `tcp_orphan_retries`: the same for a connection whose descriptor is closed; 0 means 8.
    pub orphan_retries: u32,
    /// `tcp_fin_timeout`, seconds that a closed connection waits for the peer's FIN.
    pub fin_timeout_s: u32,
    /// `tcp_syn_retries`: SYNs sent again with growing spacing.
    pub syn_retries: u32,
    /// `tcp_syn_linear_timeouts` (Linux 6.5): SYNs sent again a second apart before that.
    pub syn_linear_timeouts: Option<u32>,
    /// `tcp_synack_retries`: SYN-ACKs sent again by a listener.
    pub synack_retries: u32,
    /// `tcp_early_retrans`: 3 or 4 arm a tail-loss probe before the first retransmission.
    pub early_retrans: u32,
    /// `tcp_thin_linear_timeouts`: timeouts of a thin stream don't double at first (see
    /// [`Effective::thin_linear_timeouts`]).
    ///
    /// [`Effective::thin_linear_timeouts`]: crate::Effective::thin_linear_timeouts
    pub thin_linear_timeouts: bool,
    /// `tcp_rto_min_us` (Linux 6.11), microseconds.
    pub rto_min_us: Option<u32>,
    /// `tcp_rto_max_ms` (Linux 6.15), milliseconds.
    pub rto_max_ms: Option<u32>,
}

impl Sysctls {
    /// The values of an untouched Linux 6.18 (net/ipv4/tcp_ipv4.c, `tcp_sk_init`).
    pub const DEFAULT: Self = Self {
        keepalive_time_s: 7200,
        keepalive_intvl_s: 75,
        keepalive_probes: 9,
        retries2: 15,
        orphan_retries: 0,
        fin_timeout_s: 60,
        syn_retries: 6,
        syn_linear_timeouts: Some(4),
        synack_retries: 5,
        early_retrans: 3,
        thin_linear_timeouts: false,
        rto_min_us: Some(200_000),
        rto_max_ms: Some(120_000),
    };
}

impl Default for Sysctls {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A kernel as far as forecasts depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Kernel {
    /// Timer interrupts a second (`CONFIG_HZ`), where known: 100, 250, 300 or 1000.
    pub hz: Option<u32>,
    /// Whether sockets take `TCP_RTO_MAX_MS` (Linux 6.15).
    pub rto_max_option: bool,
    /// Whether waits are cut to what `TCP_USER_TIMEOUT` leaves (Linux 4.19,
    /// `tcp_clamp_rto_to_user_timeout`); before, the kernel gives up at the end of one that began
    /// in time.
    pub cuts_waits: bool,
    /// The settings of the network namespace.
    pub sysctls: Sysctls,
}

impl Kernel {
    /// The clock rates that it may have: one that is known, or a first of all and the others.
    pub(crate) fn clock_rates(&self) -> (u32, &'static [u32]) {
        match self.hz {
            Some(hz) => (hz, &[]),
            None => {
                let [first, others @ ..] = &CLOCK_RATES;
                (*first, others)
            }
        }
    }

    /// A kernel with the given clock rate, `TCP_RTO_MAX_MS` and untouched sysctls: Linux 6.15 or
    /// newer.
    #[must_use]
    pub fn modern(hz: Option<u32>) -> Self {
        Self::of_version(KernelVersion::new(6, 15), hz)
    }

    /// A kernel from 4.19 to 6.4: no `TCP_RTO_MAX_MS`, no linear SYN timeouts.
    #[must_use]
    pub fn before_rto_max(hz: Option<u32>) -> Self {
        Self::of_version(KernelVersion::new(6, 4), hz)
    }
}
