//! What a forecast may know of a socket in the table.

use std::time::Duration;

use deadpeer_core::forecast::{Armed, Timer};
use deadpeer_core::{Snapshot, TcpInfo, TcpState};

use super::socket::{ArmedTimer, Socket, TimerKind};

impl Socket<'_> {
    /// The connection at the moment it was dumped, with its TCP_INFO where that was asked for.
    #[must_use]
    pub fn snapshot(&self, info: Option<&TcpInfo>) -> Snapshot {
        let mut snapshot = info.map_or_else(|| Snapshot::new(self.state), Snapshot::from_info);
        // A request has no TCP_INFO, and its timer alone tells how often it was answered.
        let request = self.state == TcpState::SynRecv && self.tcp_info.is_none();
        snapshot.state = if request {
            TcpState::NewSynRecv
        } else {
            self.state
        };
        if let (true, Some(timer)) = (request, self.timer) {
            snapshot.retransmits = timer.unanswered.into();
        }
        // Before accept() a connection has no descriptor either, but then it sent no FIN.
        let sent_fin = matches!(
            self.state,
            TcpState::FinWait1
                | TcpState::FinWait2
                | TcpState::LastAck
                | TcpState::Closing
                | TcpState::TimeWait
        );
        snapshot.orphan = sent_fin && self.inode.is_none();
        snapshot.armed = self.timer.and_then(armed);
        // A window smaller than the segment that waits is probed like a closed one
        // (net/ipv4/tcp_output.c, `tcp_check_probe_timer`).
        let probed = |armed: Armed| armed.timer == Timer::ZeroWindowProbe;
        if snapshot.armed.is_some_and(probed) {
            snapshot.zero_window = Some(true);
        }
        snapshot
    }
}

fn armed(timer: ArmedTimer) -> Option<Armed> {
    let expires_in = Duration::from_millis(u64::from(timer.expires_in_ms));
    let timer = match timer.kind {
        TimerKind::Retransmit => Timer::Retransmit,
        TimerKind::Keepalive => Timer::Keepalive,
        TimerKind::TimeWait => Timer::TimeWait,
        TimerKind::ZeroWindowProbe => Timer::ZeroWindowProbe,
        TimerKind::Other(_) => return None,
    };
    Some(Armed {
        timer,
        expires_in,
        level: None,
    })
}
