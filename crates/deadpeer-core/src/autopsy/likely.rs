//! The kernel's errno is not known: what fits the counters best. They outlive the connection.

use std::time::Duration;

use super::certain::silent;
use super::{Manner, Remains};
use crate::TcpState;

/// What it probably died of.
pub(super) fn manner(remains: &Remains) -> Manner {
    if remains.state == Some(TcpState::SynSent) {
        let sent_again = remains.retransmits.is_some_and(|count| count > 0);
        return match (remains.segs_in, sent_again) {
            (Some(1..), _) => Manner::Refused,
            (Some(0) | None, true) => Manner::ConnectTimedOut,
            (Some(0), false) => Manner::ConnectAbandoned,
            // connect(2) clears the counters when it fails.
            (None, false) => Manner::Unknown,
        };
    }
    if gave_up(remains) {
        return silent(remains);
    }
    match (remains.fin_acked, remains.peer_finished) {
        _ if remains.time_wait == Some(true) => Manner::ClosedHere,
        (Some(true), _) => Manner::PeerClosed,
        // Whoever is reset does not read the rest either.
        (Some(false), _) if remains.unread.is_some_and(|bytes| bytes > 0) => Manner::ClosedUnread,
        (Some(false), Some(true)) => Manner::ResetAfterFin,
        (Some(false), _) => Manner::Reset,
        (None, _) => Manner::Unknown,
    }
}

/// Whether the counters stand where the kernel gives up.
fn gave_up(remains: &Remains) -> bool {
    let probes = u32::from(remains.probes.unwrap_or(0));
    let retransmits = u32::from(remains.retransmits.unwrap_or(0));
    if probes + retransmits == 0 {
        return false;
    }
    // A user timeout overrides all counts (net/ipv4/tcp_timer.c).
    let user_timeout = remains
        .settings
        .and_then(|settings| settings.user_timeout_ms);
    if let Some(ms) = user_timeout {
        let timeout = Duration::from_millis(ms.into());
        return remains
            .silence
            .is_some_and(|silence| silence + JIFFIES >= timeout);
    }
    if retransmits > 0 {
        // Who gives up has waited a whole RTO since it last sent; a RST comes within a round trip.
        return match (remains.since_sent, remains.rto) {
            (Some(since), Some(rto)) => since + JIFFIES >= rto,
            _ => false,
        };
    }
    if some(remains.unsent) {
        let retries = remains.sysctls.map(|sysctls| sysctls.retries2);
        return retries.is_some_and(|retries| probes >= retries);
    }
    match remains.settings {
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
