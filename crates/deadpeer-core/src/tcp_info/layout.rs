//! How long `struct tcp_info` is in which kernel.

use super::KernelVersion;

/// The first kernel that lays out the last word of the 280 bytes as bit fields (commit
/// 4fa4ac5e5848, "tcp: accecn: add tcpi_ecn_mode and tcpi_option2 in tcp_info"). Two 16-bit numbers
/// before that.
pub(super) const LAST_WORD_BIT_FIELDS: KernelVersion = KernelVersion::new(7, 0);

/// The first kernel whose structure has that last word at all.
pub(super) const LAST_WORD: KernelVersion = KernelVersion::new(6, 18);

/// `tcpi_delivery_rate_app_limited` took a padding bit in the kernel that added
/// `tcpi_delivery_rate`.
pub(super) const DELIVERY_RATE: KernelVersion = KernelVersion::new(4, 9);

/// `tcpi_fastopen_client_fail` took padding bits; the size stayed that of 5.4.
pub(super) const FASTOPEN_CLIENT_FAIL: KernelVersion = KernelVersion::new(5, 5);

/// The kernel stopped counting `tcpi_fackets`: 0 from here on.
pub(super) const NO_FACKETS: KernelVersion = KernelVersion::new(4, 15);

/// `size_of::<struct tcp_info>()` and the first kernel that has it, from include/uapi/linux/tcp.h
/// of each release.
///
/// | bytes | since | what came |
/// |---|---|---|
/// | 104 | 2.6.10 | everything up to `tcpi_total_retrans` |
/// | 120 | 3.15 | `pacing_rate`, `max_pacing_rate` (977cb0ecf82e) |
/// | 136 | 4.1 | `bytes_acked`, `bytes_received` (0df48c26d841, bdd1f9edacb5) |
/// | 144 | 4.2 | `segs_out`, `segs_in` (2efd055c53c0) |
/// | 160 | 4.6 | `notsent_bytes`, `min_rtt`, `data_segs_in`, `data_segs_out` (cd9b266095f4, a44d6eacdaf5) |
/// | 168 | 4.9 | `delivery_rate`, `delivery_rate_app_limited` in byte 7 (eb8329e0a04d) |
/// | 192 | 4.10 | `busy_time`, `rwnd_limited`, `sndbuf_limited` (efd90174167530) |
/// | 200 | 4.18 | `delivered`, `delivered_ce` (feb5f2ec6464) |
/// | 224 | 4.19 | `bytes_sent`, `bytes_retrans`, `dsack_dups`, `reord_seen` (ba113c3aa79a and its series) |
/// | 232 | 5.4 | `rcv_ooopack`, `snd_wnd` (f9af2dbbfe01, 8f7baad7f035) |
/// | 232 | 5.5 | `fastopen_client_fail` in byte 7 (480274787d7e) |
/// | 240 | 6.2 | `rcv_wnd`, `rehash` (71fc704768f6, 29c1c44646ae) |
/// | 248 | 6.7 | `total_rto`, `total_rto_recoveries`, `total_rto_time` (3868ab0f1925) |
/// | 280 | 6.18 | `received_ce`, six AccECN byte counters, `accecn_fail_mode`, `accecn_opt_seen` |
/// | 280 | 7.0 | the last word becomes `ecn_mode`, `accecn_opt_seen`, `accecn_fail_mode`, `options2` (4fa4ac5e5848) |
///
/// A distribution's kernel may return more than its version suggests, and a caller's buffer may cut
/// the answer short. So the size decides what is present; the version is asked only where the size
/// can't tell: for byte 7, `tcpi_fackets` and the last word.
pub const LAYOUTS: &[(usize, KernelVersion)] = &[
    (104, KernelVersion::new(2, 6)),
    (120, KernelVersion::new(3, 15)),
    (136, KernelVersion::new(4, 1)),
    (144, KernelVersion::new(4, 2)),
    (160, KernelVersion::new(4, 6)),
    (168, KernelVersion::new(4, 9)),
    (192, KernelVersion::new(4, 10)),
    (200, KernelVersion::new(4, 18)),
    (224, KernelVersion::new(4, 19)),
    (232, KernelVersion::new(5, 4)),
    (240, KernelVersion::new(6, 2)),
    (248, KernelVersion::new(6, 7)),
    (280, KernelVersion::new(6, 18)),
];

/// The largest `struct tcp_info` of a known kernel, in bytes: the size of buffer to give
/// getsockopt(2).
pub const MAX_SIZE: usize = 280;
