//! What is left of a connection.

use std::time::Duration;

use crate::{Effective, Sysctls, TcpState};

/// What was seen of a connection at the moment it ended, or as late before as somebody looked.
/// `None`: not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct LastState {
    /// The last state that it had before `Close`.
    pub state: Option<TcpState>,
    /// The socket's error at that moment (`sk_err`), 0 for none.
    #[doc(alias = "sk_err")]
    pub errno: Option<i32>,
    /// Whether the application had closed it already.
    pub orphan: Option<bool>,
    /// Keepalive or zero-window probes that no answer had followed (`icsk_probes_out`).
    #[doc(alias = "icsk_probes_out")]
    pub probes: Option<u8>,
    /// Retransmission timeouts that no acknowledgement had followed (`icsk_retransmits`).
    #[doc(alias = "icsk_retransmits")]
    pub retransmits: Option<u8>,
    /// Bytes that waited to be sent for the first time (`write_seq - snd_nxt`).
    pub unsent: Option<u32>,
    /// Bytes sent and not acknowledged, a FIN counting one (`snd_nxt - snd_una`).
    pub unacked: Option<u32>,
    /// The window that the peer had left, bytes; 0: it took no data (`snd_wnd`).
    #[doc(alias = "snd_wnd")]
    pub peer_window: Option<u32>,
    /// Bytes received that the application had not read, the peer's FIN not counted.
    pub unread: Option<u32>,
    /// Segments received in its whole life.
    pub segs_in: Option<u32>,
    /// Whether the peer's FIN had come.
    pub peer_finished: Option<bool>,
    /// Whether our FIN was sent and acknowledged.
    pub fin_acked: Option<bool>,
    /// Whether data came after the application had closed both halves.
    pub data_after_close: Option<bool>,
    /// Whether the last segment that came was a RST, as far as counters tell: one segment more, and
    /// neither data nor an acknowledgement. Asked where the errno is not known.
    pub reset_came: Option<bool>,
    /// Whether it went on to TIME_WAIT, which the end does whose FIN came first.
    pub time_wait: Option<bool>,
    /// How long nothing had been heard of the peer.
    pub silence: Option<Duration>,
    /// How long ago data was last sent, retransmissions included.
    pub since_sent: Option<Duration>,
    /// The retransmission timeout, backoff included.
    pub rto: Option<Duration>,
    /// The settings in force.
    pub settings: Option<Effective>,
    /// The sysctls of its network namespace.
    pub sysctls: Option<Sysctls>,
}
