//! What a forecast may know of a socket that a program has read.

use std::time::Duration;

use deadpeer_core::forecast::{Armed, Timer as ForecastTimer, paced_segment, stamped_ahead};
use deadpeer_core::tcp_info::last_heard;
use deadpeer_core::{Silence, Snapshot, TcpState};

use crate::records::{
    INFINITE_SSTHRESH, LOSS_PROBE_NEXT, LOSS_PROBE_OVER, Row, since_or_until, stretch, ticks,
};

/// The connection at the moment of a look.
pub(crate) fn moment(row: &Row, state: TcpState, hz: u32) -> Snapshot {
    let mut snapshot = Snapshot::new(state);
    if state == TcpState::Listen {
        return snapshot;
    }
    snapshot.jiffies = Some(row.jiffies);
    snapshot.armed = armed(row, hz);
    // Before accept() a connection has no descriptor either, but then it sent no FIN.
    let sent_fin = snapshot.silence() == Some(Silence::AfterFin);
    snapshot.orphan = sent_fin && row.state.inode().is_none();
    if row.state.has_options() {
        add_details(&mut snapshot, row, hz);
    } else if row.timer != 0 {
        // A request: its timer alone tells how often it was answered.
        snapshot.retransmits = row.unanswered.into();
    }
    snapshot
}

fn add_details(snapshot: &mut Snapshot, row: &Row, hz: u32) {
    let seen = &row.state;
    let received = stretch(seen.since_received, hz);
    snapshot.heard_ago = last_heard(received, stretch(seen.since_acknowledged, hz));
    snapshot.received_ago = received;
    snapshot.probes_out = seen.probes_out.into();
    snapshot.retransmits = seen.retransmits.into();
    snapshot.backoff = row.backoff.into();
    snapshot.rto = Some(ticks(row.rto, hz));
    snapshot.srtt = (row.srtt != 0).then(|| Duration::from_micros(row.srtt.into()));
    snapshot.tail_loss_probe = Some(row.sack != 0);
    snapshot.tail_loss_probe_sent = match row.loss_probe {
        LOSS_PROBE_NEXT => Some(false),
        LOSS_PROBE_OVER => Some(true),
        _ => None,
    };
    snapshot.sent_ago = stretch(row.since_sent, hz);
    snapshot.in_flight = seen.unacknowledged > 0;
    snapshot.segments_in_flight = (row.packets_out > 0).then_some(row.packets_out);
    snapshot.initial_slow_start = Some(row.ssthresh >= INFINITE_SSTHRESH);
    snapshot.unsent = seen.unsent > 0;
    // A window smaller than the segment that waits is probed like a closed one
    // (net/ipv4/tcp_output.c, `tcp_check_probe_timer`).
    let probed = |armed: Armed| armed.timer == ForecastTimer::ZeroWindowProbe;
    let is_probed = snapshot.armed.is_some_and(probed);
    snapshot.zero_window = Some(is_probed || row.peer_window == 0);
    // Who paces what it sends, as BBR does, stamps a segment with the moment at which it should
    // leave (net/ipv4/tcp_output.c, `tcp_update_skb_after_send`).
    let clock = since_or_until(row.retransmitting);
    (snapshot.clock_started_ago, snapshot.clock_starts_in) = clock;
    snapshot.stamped_ahead = ahead(row);
    snapshot.window_probed_ago = stretch(row.probing, hz);
    snapshot.icmp_error = Some(seen.soft_error != 0);
}

fn ahead(row: &Row) -> Option<Duration> {
    let until_next = Duration::from_millis(row.until_next.into());
    // Only who paces itself is ever ahead.
    let round_trip = match row.until_next {
        0 => Duration::from_micros(row.srtt.into()),
        _ => Duration::ZERO,
    };
    let segment = (row.pacing_rate > 0)
        .then(|| paced_segment(row.pacing_rate, row.mss, round_trip))
        .flatten();
    stamped_ahead(until_next, segment)
}

fn armed(row: &Row, hz: u32) -> Option<Armed> {
    Some(Armed {
        timer: match row.timer {
            1 => ForecastTimer::Retransmit,
            2 => ForecastTimer::Keepalive,
            3 => ForecastTimer::TimeWait,
            4 => ForecastTimer::ZeroWindowProbe,
            _ => return None,
        },
        expires_in: ticks(row.expires.max(0).cast_unsigned(), hz),
        level: Some(row.level.into()),
    })
}
