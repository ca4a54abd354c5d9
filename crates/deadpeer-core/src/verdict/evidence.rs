//! Proof of life and open questions, as differences between two readings of TCP_INFO.

use std::time::Duration;

use crate::tcp_info::TcpInfo;

/// The counters that move when the peer's TCP answers, and those that move when we ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counters {
    bytes_received: u64,
    bytes_acked: u64,
    /// Segments without data: an answer to a probe is one. Duplicates of data are none, and no proof that anything of
    /// ours arrives.
    pure_acks: u32,
    pub(super) segs_out: u32,
    pub(super) data_segs_in: u32,
    pub(super) data_segs_out: u32,
    pub(super) retransmitted: u32,
    /// Retransmission timeouts and probes without an answer.
    pub(super) open: u16,
    /// Whether the kernel counts at all.
    counts: bool,
}

impl Counters {
    pub(super) fn of(info: &TcpInfo) -> Self {
        let segs_in = info.segs_in.unwrap_or(0);
        let data_segs_in = info.data_segs_in.unwrap_or(0);
        Self {
            bytes_received: info.bytes_received.unwrap_or(0),
            bytes_acked: info.bytes_acked.unwrap_or(0),
            pure_acks: segs_in.wrapping_sub(data_segs_in),
            segs_out: info.segs_out.unwrap_or(0),
            data_segs_in,
            data_segs_out: info.data_segs_out.unwrap_or(0),
            retransmitted: info.total_retrans.unwrap_or(0),
            open: u16::from(info.retransmits.unwrap_or(0)) + u16::from(info.probes.unwrap_or(0)),
            counts: info.bytes_acked.is_some()
                && info.segs_in.is_some()
                && info.data_segs_in.is_some(),
        }
    }

    /// Whether the peer answered between two readings `elapsed` apart.
    pub(super) fn prove_life_since(
        &self,
        before: &Self,
        elapsed: Duration,
        heard_ago: Option<Duration>,
    ) -> bool {
        if self.counts {
            return self.bytes_received != before.bytes_received
                || self.bytes_acked != before.bytes_acked
                || self.pure_acks != before.pure_acks;
        }
        heard_ago.is_some_and(|ago| ago < elapsed)
    }

    /// Pure ACKs that came since.
    pub(super) fn acks_since(&self, before: &Self) -> u32 {
        self.pure_acks.wrapping_sub(before.pure_acks)
    }
}

/// How long ago something came last; all that kernels before 4.2 tell.
pub(super) fn heard_ago(info: &TcpInfo) -> Option<Duration> {
    let heard = [info.last_data_recv_ms, info.last_ack_recv_ms];
    let ms = heard.into_iter().flatten().min()?;
    Some(Duration::from_millis(u64::from(ms)))
}
