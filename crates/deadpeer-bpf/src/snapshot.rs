//! What a forecast may know of a socket that a program has read.

use deadpeer_core::forecast::{Armed, Timer as ForecastTimer};
use deadpeer_core::tcp_info::last_heard;
use deadpeer_core::{Silence, Snapshot, TcpState};

use crate::sockets::{Holding, Socket, Timer};

impl Socket {
    /// The connection at the moment of this look: more than TCP_INFO and sock_diag tell, so that a
    /// forecast is exact where theirs is an interval.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new(self.state);
        if self.state == TcpState::Listen {
            return snapshot;
        }
        snapshot.jiffies = Some(self.jiffies);
        snapshot.armed = self.timer.and_then(armed);
        // Before accept() a connection has no descriptor either, but then it sent no FIN.
        let sent_fin = snapshot.silence() == Some(Silence::AfterFin);
        snapshot.orphan = sent_fin && !matches!(self.holding, Holding::File(_));
        if self.options.is_some() {
            self.add_details(&mut snapshot);
        } else if let Some(timer) = self.timer {
            // A request: its timer alone tells how often it was answered.
            snapshot.retransmits = timer.unanswered.into();
        }
        snapshot
    }

    fn add_details(&self, snapshot: &mut Snapshot) {
        snapshot.heard_ago = last_heard(self.since_received, self.since_acknowledged);
        snapshot.received_ago = self.since_received;
        snapshot.probes_out = self.probes_out.into();
        snapshot.retransmits = self.retransmits.into();
        snapshot.backoff = self.backoff.into();
        snapshot.rto = self.rto;
        snapshot.srtt = self.srtt;
        snapshot.tail_loss_probe = self.sack;
        snapshot.tail_loss_probe_sent = self.tail_loss_probe_next.map(|next| !next);
        snapshot.sent_ago = self.since_sent;
        snapshot.in_flight = self.unacknowledged > 0;
        snapshot.segments_in_flight =
            (self.segments_in_flight > 0).then_some(self.segments_in_flight);
        snapshot.initial_slow_start = Some(self.slow_start_threshold.is_none());
        snapshot.unsent = self.unsent > 0;
        // A window smaller than the segment that waits is probed like a closed one
        // (net/ipv4/tcp_output.c, `tcp_check_probe_timer`).
        let probed = |armed: Armed| armed.timer == ForecastTimer::ZeroWindowProbe;
        let is_probed = snapshot.armed.is_some_and(probed);
        snapshot.zero_window = Some(is_probed || self.peer_window == 0);
        snapshot.clock_started_ago = self.since_sent_again;
        snapshot.clock_starts_in = self.until_sent_again;
        snapshot.stamped_ahead = self.stamped_ahead;
        snapshot.window_probed_ago = self.since_window_probe;
        snapshot.icmp_error = Some(self.soft_error.is_some());
    }
}

fn armed(timer: Timer) -> Option<Armed> {
    Some(Armed {
        timer: match timer.kind {
            1 => ForecastTimer::Retransmit,
            2 => ForecastTimer::Keepalive,
            3 => ForecastTimer::TimeWait,
            4 => ForecastTimer::ZeroWindowProbe,
            _ => return None,
        },
        expires_in: timer.expires_in,
        level: Some(timer.level.into()),
    })
}
