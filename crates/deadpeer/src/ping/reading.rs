//! What one reading of TCP_INFO means for a ping.

use std::time::Duration;

use deadpeer_core::{TcpInfo, TcpState};

use super::NotNow;

/// A Linux peer answers a probe at most this often (net/ipv4/tcp_input.c, `tcp_oow_rate_limited`),
/// and a margin.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_millis(600);
/// The kernel takes no smaller `TCP_KEEPIDLE`.
pub(super) const LEAST_SILENCE: Duration = Duration::from_secs(1);

/// Why a probe cannot be sent on a connection in this condition, or need not.
pub(super) fn obstacle(info: &TcpInfo) -> Option<NotNow> {
    match info.state {
        Some(TcpState::Established | TcpState::CloseWait | TcpState::FinWait2) => {}
        Some(TcpState::FinWait1 | TcpState::LastAck | TcpState::Closing) => {
            return Some(in_flight(info));
        }
        Some(_) | None => return Some(NotNow::NotConnected),
    }
    if info.unacked > Some(0) {
        return Some(in_flight(info));
    }
    if info.notsent_bytes > Some(0) {
        return Some(NotNow::Queued {
            unanswered: unanswered(info),
        });
    }
    None
}

fn in_flight(info: &TcpInfo) -> NotNow {
    NotNow::InFlight {
        unanswered: info.retransmits.unwrap_or(0).into(),
    }
}

/// Probes that nothing has answered.
pub(super) fn unanswered(info: &TcpInfo) -> u32 {
    info.probes.unwrap_or(0).into()
}

/// How long nothing has been heard; nothing at all counts as for ever.
pub(super) fn silent_for(info: &TcpInfo) -> Duration {
    info.heard_ago().unwrap_or(Duration::MAX)
}

/// The counters that tell questions and answers from silence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    bytes_received: Option<u64>,
    bytes_acked: Option<u64>,
    /// Segments without data. Data that comes again is no proof that anything of ours arrives.
    pure_acks: Option<u32>,
    data_in: Option<u32>,
    data_out: Option<u32>,
    segs_out: Option<u32>,
    unanswered: u32,
}

impl Reading {
    pub(super) fn of(info: &TcpInfo) -> Self {
        let data_in = info.data_segs_in;
        Self {
            bytes_received: info.bytes_received,
            bytes_acked: info.bytes_acked,
            pure_acks: info
                .segs_in
                .and_then(|all| Some(all.wrapping_sub(data_in?))),
            data_in,
            data_out: info.data_segs_out,
            segs_out: info.segs_out,
            unanswered: unanswered(info),
        }
    }

    /// Whether the peer was heard between this reading and a later one, `elapsed` after it and
    /// taken from `info`.
    pub(super) fn heard_until(&self, later: &Self, info: &TcpInfo, elapsed: Duration) -> bool {
        match self.pure_acks {
            Some(_) => {
                (self.bytes_received, self.bytes_acked, self.pure_acks)
                    != (later.bytes_received, later.bytes_acked, later.pure_acks)
            }
            // Before Linux 4.6 only the time of the last segment tells, and that in timer ticks.
            None => silent_for(info) + Duration::from_millis(20) < elapsed,
        }
    }

    /// Whether data came or went.
    pub(super) fn data_until(&self, later: &Self) -> bool {
        (self.data_in, self.data_out) != (later.data_in, later.data_out)
    }

    /// Whether a probe went out: the only thing that is sent unasked on a connection without data.
    pub(super) fn probe_until(&self, later: &Self) -> bool {
        later.unanswered > self.unanswered
            || (self.segs_out != later.segs_out && !self.data_until(later))
    }
}
