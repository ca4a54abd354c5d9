//! Proof of life and open questions, as differences between two readings of TCP_INFO.

use std::time::Duration;

use crate::tcp_info::TcpInfo;

/// The kernel's ages are in timer ticks, 10 ms at most, and are read a moment after the clock.
const TICKS: Duration = Duration::from_millis(20);

/// The counters that move when the peer's TCP answers, and those that move when we ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counters {
    /// The lower half of each: it matters only whether they moved.
    bytes_received: u32,
    bytes_acked: u32,
    /// Segments without data: an answer to a probe is one.
    pure_acks: u32,
    pub(super) segs_out: u32,
    pub(super) data_segs_in: u32,
    pub(super) data_segs_out: u32,
    pub(super) retransmitted: u32,
    /// Of those, the ones that the peer had already (Linux 4.19).
    pub(super) came_twice: u32,
    /// Retransmission timeouts without an answer.
    retransmits: u8,
    /// Probes without an answer.
    pub(super) probes: u8,
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
    /// The younger of both.
    pub(super) heard: Option<Duration>,
}

impl Counters {
    pub(super) fn of(info: &TcpInfo) -> Self {
        let segs_in = info.segs_in.unwrap_or(0);
        let data_segs_in = info.data_segs_in.unwrap_or(0);
        Self {
            bytes_received: info.bytes_received.unwrap_or(0) as u32,
            bytes_acked: info.bytes_acked.unwrap_or(0) as u32,
            pure_acks: segs_in.wrapping_sub(data_segs_in),
            segs_out: info.segs_out.unwrap_or(0),
            data_segs_in,
            data_segs_out: info.data_segs_out.unwrap_or(0),
            // A SYN or FIN that is sent again shows among the segments without data.
            retransmitted: info
                .total_retrans
                .filter(|_| info.bytes_retrans != Some(0))
                .unwrap_or(0),
            came_twice: info.dsack_dups.unwrap_or(0),
            retransmits: info.retransmits.unwrap_or(0),
            probes: info.probes.unwrap_or(0),
            counts: info.bytes_acked.is_some()
                && info.segs_in.is_some()
                && info.data_segs_in.is_some(),
        }
    }

    /// When the connection had just come into being. The last segment of the handshake, which one
    /// of the ends sends, asks for nothing.
    pub(super) fn at_birth(&self) -> Self {
        Self {
            segs_out: self.segs_out.min(1),
            ..Self::default()
        }
    }

    /// How long ago the peer answered last, if it did between two readings `elapsed` apart.
    ///
    /// Data that comes again is no answer: it shows that what we send does not arrive. It makes the
    /// kernel's age of the last acknowledgement younger all the same, so new data is dated by the
    /// age of data.
    pub(super) fn answered_since(
        &self,
        before: &Self,
        elapsed: Duration,
        ages: Ages,
    ) -> Option<Duration> {
        if !self.counts {
            return ages.heard.filter(|ago| *ago < elapsed);
        }
        let new_data = self.bytes_received != before.bytes_received;
        let acks = self.bytes_acked != before.bytes_acked || self.acks_since(before) > 0;
        let data = new_data.then(|| ages.data.unwrap_or_default());
        // What counts as a segment without being taken for an acknowledgement is the peer's own
        // keepalive probe.
        let ack = acks
            .then(|| ages.ack.unwrap_or_default())
            .filter(|ago| *ago <= elapsed + TICKS);
        let answered = data.into_iter().chain(ack).min()?;
        Some(answered.min(elapsed))
    }

    /// Questions without an answer, as far as the kernel counts them.
    pub(super) fn open(&self) -> u16 {
        u16::from(self.retransmits) + u16::from(self.probes)
    }

    /// Retransmissions without an answer: a tail-loss probe precedes the first timeout.
    pub(super) fn resent_in_vain(&self) -> f64 {
        match self.retransmits {
            0 => 0.0,
            timeouts => f64::from(timeouts) + 1.0,
        }
    }

    /// Segments without data that we sent beyond one for each that came. While nothing answers,
    /// what it grows by is probes: all that comes is answered with one such segment at most.
    pub(super) fn said_unasked(&self) -> u32 {
        let (said, came) = (
            self.segs_out.wrapping_sub(self.data_segs_out),
            self.pure_acks.wrapping_add(self.data_segs_in),
        );
        said.wrapping_sub(came)
    }

    /// Pure ACKs that came since.
    pub(super) fn acks_since(&self, before: &Self) -> u32 {
        self.pure_acks.wrapping_sub(before.pure_acks)
    }

    /// Retransmissions since.
    pub(super) fn resent_since(&self, before: &Self) -> u32 {
        self.retransmitted.wrapping_sub(before.retransmitted)
    }

    /// Whether data came since. Only then can something come again.
    pub(super) fn data_since(&self, before: &Self) -> bool {
        self.data_segs_in != before.data_segs_in
    }
}

impl Ages {
    pub(super) fn of(info: &TcpInfo) -> Self {
        let age = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(u64::from(ms)));
        Self {
            data: age(info.last_data_recv_ms),
            ack: age(info.last_ack_recv_ms),
            heard: info.heard_ago(),
        }
    }
}
