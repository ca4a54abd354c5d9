//! The kernel's errno is not known: what fits the counters best. They outlive the connection.
//!
//! What the counters leave open is unknown, not guessed: a word that the kernel's own would
//! contradict is worse than none.

use std::time::Duration;

use super::certain::{fin_came_first, silent, some, user_timeout};
use super::{CloseCause, LastState};
use crate::TcpState;

/// What it probably died of.
pub(super) fn cause(last_state: &LastState) -> CloseCause {
    if last_state.state == Some(TcpState::SynSent) {
        return connecting(last_state);
    }
    if last_state.time_wait == Some(true) {
        return CloseCause::ClosedHere;
    }
    if last_state.reset_came == Some(true) {
        return match last_state.peer_finished {
            Some(_) if fin_came_first(last_state) => CloseCause::ResetAfterFin,
            Some(_) => CloseCause::Reset,
            None => CloseCause::Unknown,
        };
    }
    if gave_up(last_state) {
        return silent(last_state);
    }
    let nothing_came = last_state.reset_came == Some(false);
    match (last_state.fin_acked, last_state.peer_finished) {
        (Some(true), Some(true)) => CloseCause::PeerClosed,
        (Some(false), _) if nothing_came && some(last_state.unread) => CloseCause::ClosedUnread,
        // Destroyed, thrown away, reset, or closed by whom first.
        _ => CloseCause::Unknown,
    }
}

fn connecting(last_state: &LastState) -> CloseCause {
    match last_state.segs_in {
        Some(1..) => CloseCause::Refused,
        Some(0) | None if syns_sent(last_state) => CloseCause::ConnectTimedOut,
        // Given up by the program, or ended by a router's word.
        Some(0) | None => CloseCause::Unknown,
    }
}

/// Whether as many SYNs were sent as the settings allow (net/ipv4/tcp_timer.c,
/// `tcp_write_timeout`).
fn syns_sent(last_state: &LastState) -> bool {
    let (Some(settings), Some(sysctls)) = (last_state.settings, last_state.sysctls) else {
        return false;
    };
    let retries = settings.syncnt.unwrap_or(sysctls.syn_retries).min(30);
    let linear = sysctls.syn_linear_timeouts.unwrap_or(0);
    let limit = user_timeout(last_state).unwrap_or(SYN_WAIT * ((2 << retries) - 1));
    let (mut waited, mut sent_again) = (SYN_WAIT, 0);
    while waited < limit && sent_again < retries + linear {
        sent_again += 1;
        waited += SYN_WAIT * (1 << sent_again.saturating_sub(linear).min(30));
    }
    last_state
        .retransmits
        .is_some_and(|count| count > 0 && u32::from(count) >= sent_again)
}

/// From one SYN to the next, at first (`TCP_TIMEOUT_INIT`).
const SYN_WAIT: Duration = Duration::from_secs(1);

/// Whether the counters stand where the kernel gives up (net/ipv4/tcp_timer.c).
fn gave_up(last_state: &LastState) -> bool {
    if some(last_state.retransmits.map(u32::from)) {
        return retransmitted_in_vain(last_state);
    }
    let probes = last_state.probes.map_or(0, u32::from);
    if some(last_state.unsent) {
        return waited_for_the_window(last_state, probes);
    }
    probes > 0 && probed_in_vain(last_state, probes)
}

/// Who gives up has waited a whole RTO since it last sent; a RST comes within a round trip.
fn retransmitted_in_vain(last_state: &LastState) -> bool {
    let waited = match (last_state.since_sent, last_state.rto) {
        (Some(since), Some(rto)) => Some(since + JIFFIES >= rto),
        _ => None,
    };
    // A user timeout overrides all counts.
    let timed_out =
        user_timeout(last_state).and_then(|timeout| Some(last_state.silence? + JIFFIES >= timeout));
    waited.unwrap_or(timed_out == Some(true)) && timed_out != Some(false)
}

/// The user timeout counts from the first probe, which comes after the last data.
fn waited_for_the_window(last_state: &LastState, probes: u32) -> bool {
    let timed_out = user_timeout(last_state)
        .is_some_and(|timeout| last_state.since_sent.is_some_and(|since| since >= timeout));
    let retries = last_state.sysctls.map(|sysctls| sysctls.retries2);
    timed_out || retries.is_some_and(|retries| probes > 0 && probes >= retries)
}

fn probed_in_vain(last_state: &LastState, probes: u32) -> bool {
    let Some(settings) = last_state.settings else {
        // A peer that forgot the connection answers the first probe with a RST.
        return last_state.reset_came == Some(false) && probes > 1;
    };
    let seconds = |count: u32| Duration::from_secs(count.into());
    let asked = seconds(settings.keepidle_s) + seconds(settings.keepintvl_s) * probes;
    // A RST to the last probe comes an interval earlier.
    if last_state
        .silence
        .is_some_and(|silence| silence + JIFFIES < asked)
    {
        return false;
    }
    match user_timeout(last_state) {
        Some(timeout) => last_state
            .silence
            .is_some_and(|silence| silence + JIFFIES >= timeout),
        None => probes >= settings.keepcnt,
    }
}

/// Timeouts are counted in jiffies.
const JIFFIES: Duration = Duration::from_millis(20);
