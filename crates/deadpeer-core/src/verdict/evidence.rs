//! Proof of life and open questions, as differences between two readings of TCP_INFO.

use std::time::Duration;

use crate::tcp_info::TcpInfo;

/// The kernel's ages are in timer ticks, 10 ms at most, and are read a moment after the clock.
const TICKS: Duration = Duration::from_millis(20);

/// The counters that move when the peer's TCP answers, and those that move when we ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counters {
    bytes_received: u64,
    bytes_acked: u64,
    /// Segments without data: an answer to a probe is one.
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

/// How long ago something came last, as the kernel tells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    /// Data that had not come before (net/ipv4/tcp_input.c, `tcp_event_data_recv`).
    data: Option<Duration>,
    /// Anything with an acknowledgement in it, data that came again included (`tcp_ack`).
    ack: Option<Duration>,
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

    /// When the connection had just come into being. The last segment of the handshake, which one of the ends sends, asks for nothing.
    pub(super) fn at_birth(&self) -> Self {
        Self {
            segs_out: self.segs_out.min(1),
            ..Self::default()
        }
    }

    /// How long ago the peer answered last, if it did between two readings `elapsed` apart.
    ///
    /// Data that comes again is no answer: it shows that what we send does not arrive. It makes the kernel's age of the last
    /// acknowledgement younger all the same, so new data is dated by the age of data.
    pub(super) fn answered_since(
        &self,
        before: &Self,
        elapsed: Duration,
        ages: Ages,
    ) -> Option<Duration> {
        if !self.counts {
            return ages.youngest().filter(|ago| *ago < elapsed);
        }
        let new_data = self.bytes_received != before.bytes_received;
        let acks = self.bytes_acked != before.bytes_acked || self.acks_since(before) > 0;
        let data = new_data.then(|| ages.data.unwrap_or_default());
        // What counts as a segment without being taken for an acknowledgement is the peer's own keepalive probe.
        let ack = acks
            .then(|| ages.ack.unwrap_or_default())
            .filter(|ago| *ago <= elapsed + TICKS);
        let answered = data.into_iter().chain(ack).min()?;
        Some(answered.min(elapsed))
    }

    /// Pure ACKs that came since.
    pub(super) fn acks_since(&self, before: &Self) -> u32 {
        self.pure_acks.wrapping_sub(before.pure_acks)
    }

    /// What came since: data, and acknowledgements of ours.
    pub(super) fn traffic_since(&self, before: &Self) -> Traffic {
        let data = self.data_segs_in != before.data_segs_in;
        let acks = self.bytes_acked != before.bytes_acked || self.acks_since(before) > 0;
        match (data, acks) {
            (false, _) => Traffic::NoData,
            (true, false) => Traffic::Data,
            (true, true) => Traffic::DataAndAcks,
        }
    }
}

impl Ages {
    pub(super) fn of(info: &TcpInfo) -> Self {
        let age = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(u64::from(ms)));
        Self {
            data: age(info.last_data_recv_ms),
            ack: age(info.last_ack_recv_ms),
        }
    }

    pub(super) fn youngest(&self) -> Option<Duration> {
        self.data.into_iter().chain(self.ack).min()
    }
}

/// What came between two readings, as far as it can be mistaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    /// No data, so that none came again either: every acknowledgement is an answer.
    NoData,
    /// Data alone: new data is dated exactly, and everything else came again.
    Data,
    /// Both: data that comes again after the last acknowledgement makes that look younger than it is.
    DataAndAcks,
}
