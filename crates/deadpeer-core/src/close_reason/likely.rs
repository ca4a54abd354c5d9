//! The kernel's errno is not known: what fits the counters best. They outlive the connection.

use std::time::Duration;

use super::certain::silent;
use super::{CloseCause, LastState};
use crate::TcpState;

/// What it probably died of.
pub(super) fn cause(last_state: &LastState) -> CloseCause {
    if last_state.state == Some(TcpState::SynSent) {
        let sent_again = last_state.retransmits.is_some_and(|count| count > 0);
        return match (last_state.segs_in, sent_again) {
            (Some(1..), _) => CloseCause::Refused,
            (Some(0) | None, true) => CloseCause::ConnectTimedOut,
            (Some(0), false) => CloseCause::ConnectAbandoned,
            // connect(2) clears the counters when it fails.
            (None, false) => CloseCause::Unknown,
        };
    }
    if gave_up(last_state) {
        return silent(last_state);
    }
    match (last_state.fin_acked, last_state.peer_finished) {
        _ if last_state.time_wait == Some(true) => CloseCause::ClosedHere,
        (Some(true), _) => CloseCause::PeerClosed,
        // Whoever is reset does not read the rest either.
        (Some(false), _) if last_state.unread.is_some_and(|bytes| bytes > 0) => {
            CloseCause::ClosedUnread
        }
        (Some(false), Some(true)) => CloseCause::ResetAfterFin,
        (Some(false), _) => CloseCause::Reset,
        (None, _) => CloseCause::Unknown,
    }
}

/// Whether the counters stand where the kernel gives up.
fn gave_up(last_state: &LastState) -> bool {
    let probes = u32::from(last_state.probes.unwrap_or(0));
    let retransmits = u32::from(last_state.retransmits.unwrap_or(0));
    if probes + retransmits == 0 {
        return false;
    }
    // A user timeout overrides all counts (net/ipv4/tcp_timer.c).
    let user_timeout = last_state
        .settings
        .and_then(|settings| settings.user_timeout_ms);
    if let Some(ms) = user_timeout {
        let timeout = Duration::from_millis(ms.into());
        return last_state
            .silence
            .is_some_and(|silence| silence + JIFFIES >= timeout);
    }
    if retransmits > 0 {
        // Who gives up has waited a whole RTO since it last sent; a RST comes within a round trip.
        return match (last_state.since_sent, last_state.rto) {
            (Some(since), Some(rto)) => since + JIFFIES >= rto,
            _ => false,
        };
    }
    if some(last_state.unsent) {
        let retries = last_state.sysctls.map(|sysctls| sysctls.retries2);
        return retries.is_some_and(|retries| probes >= retries);
    }
    match last_state.settings {
        Some(settings) => probes >= settings.keepcnt,
        // A peer that forgot the connection answers the first probe with a RST.
        None => probes > 1,
    }
}

/// Timeouts are counted in jiffies.
const JIFFIES: Duration = Duration::from_millis(20);

fn some(bytes: Option<u32>) -> bool {
    bytes.is_some_and(|bytes| bytes > 0)
}
