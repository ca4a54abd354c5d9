//! What counters tell of the last segments that came.

use std::time::{Duration, Instant};

use deadpeer_core::TcpInfo;

/// Counters of a connection at one look, which a later one is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counters {
    /// When it was looked, at the latest; `None`: there is nothing that could be acknowledged.
    read_at: Option<Instant>,
    segments: u32,
    data_segments: u32,
    /// The peer's FIN counts one.
    bytes: u64,
}

impl Counters {
    /// `read_at` is before the kernel was asked. `None`: a kernel that doesn't count them.
    pub(super) fn of(info: &TcpInfo, read_at: Instant) -> Option<Self> {
        Some(Self {
            read_at: Some(read_at),
            segments: info.segs_in?,
            data_segments: info.data_segs_in?,
            bytes: info.bytes_received?,
        })
    }

    /// Of a connection on which nobody has sent anything since the handshake, whose last segment
    /// either end counts. `None`: somebody has.
    pub(super) fn after_the_handshake(later: &TcpInfo) -> Option<Self> {
        let nobody_sent = later.bytes_sent == Some(0) && later.data_segs_in == Some(0);
        nobody_sent.then_some(Self {
            read_at: None,
            segments: 1,
            data_segments: 0,
            bytes: 0,
        })
    }

    /// Whether the peer's FIN has come since; `None`: data came too, in which it hides.
    pub(super) fn fin_came(&self, later: &TcpInfo) -> Option<bool> {
        let no_data = later.data_segs_in? == self.data_segments;
        no_data.then_some(later.bytes_received? > self.bytes)
    }

    /// Whether a RST has come since: a segment that is neither data, nor a FIN, nor an
    /// acknowledgement (net/ipv4/tcp_input.c, `tcp_validate_incoming`). `None`: others came too.
    pub(super) fn reset_came(&self, later: &TcpInfo, now: Instant) -> Option<bool> {
        match later.segs_in?.wrapping_sub(self.segments) {
            0 => return Some(false),
            1 => {}
            2.. => return None,
        }
        let no_data = later.data_segs_in? == self.data_segments;
        let no_fin = later.bytes_received? == self.bytes;
        let ago = Duration::from_millis(later.last_ack_recv_ms?.into());
        let no_ack = match self.read_at {
            Some(read_at) => now.checked_sub(ago).is_some_and(|at| at < read_at),
            None => true,
        };
        (no_data && no_fin && no_ack).then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(segments: u32, data: u32, bytes: u64, ack_ms: u32) -> TcpInfo {
        let mut info = TcpInfo::default();
        info.segs_in = Some(segments);
        info.data_segs_in = Some(data);
        info.bytes_received = Some(bytes);
        info.bytes_sent = Some(0);
        info.last_ack_recv_ms = Some(ack_ms);
        info
    }

    #[test]
    fn a_segment_that_is_nothing_else_was_a_reset() {
        let read_at = Instant::now();
        let before = Counters::of(&info(7, 3, 300, 2_000), read_at).unwrap();
        let now = read_at + Duration::from_secs(1);
        let after = |segments, data, bytes, ack_ms| {
            let later = info(segments, data, bytes, ack_ms);
            (before.fin_came(&later), before.reset_came(&later, now))
        };
        assert_eq!(after(7, 3, 300, 3_000), (Some(false), Some(false)));
        assert_eq!(after(8, 3, 300, 3_000), (Some(false), Some(true)));
        // An acknowledgement, a FIN, data.
        assert_eq!(after(8, 3, 300, 400), (Some(false), None));
        assert_eq!(after(8, 3, 301, 400), (Some(true), None));
        assert_eq!(after(8, 4, 301, 400), (None, None));
    }

    #[test]
    fn a_connection_without_data_is_known_from_its_handshake_on() {
        let reset = info(2, 0, 0, 10);
        let fresh = Counters::after_the_handshake(&reset).unwrap();
        assert_eq!(fresh.fin_came(&reset), Some(false));
        assert_eq!(fresh.reset_came(&reset, Instant::now()), Some(true));
        assert_eq!(fresh.fin_came(&info(2, 0, 1, 10)), Some(true));
        assert!(Counters::after_the_handshake(&info(2, 1, 5, 10)).is_none());
    }
}
