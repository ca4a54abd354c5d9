//! Autopsies by arithmetic: each row is what the kernel leaves of one kind of death.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{CloseCause, CloseReason, LastState, Limit};
use crate::TcpState::{
    CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, SynRecv, SynSent,
};
use crate::{Cause, SocketOptions, Sysctls, TcpState};

const ABORTED: i32 = 103;
const RESET: i32 = 104;
const TIMED_OUT: i32 = 110;
const HOST_UNREACHABLE: i32 = 113;

/// What is left of a connection whose application set nothing.
fn last_state(state: TcpState, errno: impl Into<Option<i32>>) -> LastState {
    LastState {
        state: Some(state),
        errno: errno.into(),
        orphan: Some(false),
        probes: Some(0),
        retransmits: Some(0),
        unsent: Some(0),
        unacked: Some(0),
        unread: Some(0),
        segs_in: Some(7),
        settings: Some(SocketOptions::default().resolve(&Sysctls::DEFAULT)),
        sysctls: Some(Sysctls::DEFAULT),
        ..LastState::default()
    }
}

fn with(options: SocketOptions, last_state: LastState) -> LastState {
    LastState {
        settings: Some(options.resolve(&Sysctls::DEFAULT)),
        ..last_state
    }
}

fn user_timeout(ms: u32) -> SocketOptions {
    SocketOptions {
        user_timeout_ms: Some(ms),
        ..SocketOptions::default()
    }
}

fn cause(last_state: LastState) -> CloseCause {
    let reason = CloseReason::of(&last_state);
    assert_eq!(reason.certain, last_state.errno.is_some());
    reason.cause
}

#[test]
fn without_an_error_the_last_state_tells_who_closed() {
    for (state, told) in [
        (LastAck, CloseCause::PeerClosed),
        (FinWait1, CloseCause::ClosedHere),
        (FinWait2, CloseCause::ClosedHere),
        (Closing, CloseCause::ClosedHere),
        (SynSent, CloseCause::ConnectAbandoned),
        (Established, CloseCause::AbortedHere),
        (CloseWait, CloseCause::AbortedHere),
        (SynRecv, CloseCause::AbortedHere),
    ] {
        assert_eq!(cause(last_state(state, 0)), told, "{state}");
        assert_eq!(CloseReason::of(&last_state(state, 0)).limit, None);
    }
    for state in [Established, CloseWait] {
        let unread = LastState {
            unread: Some(3),
            ..last_state(state, 0)
        };
        assert_eq!(cause(unread), CloseCause::ClosedUnread);
    }
}

#[test]
fn an_errno_with_one_meaning_needs_no_counters() {
    for (errno, told) in [
        (RESET, CloseCause::Reset),
        (32, CloseCause::ResetAfterFin),
        (ABORTED, CloseCause::Destroyed),
        (111, CloseCause::Refused),
        (HOST_UNREACHABLE, CloseCause::HostUnreachable),
        (101, CloseCause::NetworkUnreachable),
        (13, CloseCause::Prohibited),
        (95, CloseCause::Other(95)),
    ] {
        let bare = LastState {
            errno: Some(errno),
            ..LastState::default()
        };
        assert_eq!(cause(bare), told, "errno {errno}");
    }
}

#[test]
fn a_reset_after_the_peers_fin_is_told_in_every_state() {
    for state in [CloseWait, LastAck, Closing] {
        assert_eq!(cause(last_state(state, RESET)), CloseCause::ResetAfterFin);
    }
    for state in [Established, FinWait1, FinWait2] {
        assert_eq!(cause(last_state(state, RESET)), CloseCause::Reset);
    }
}

#[test]
fn four_silences_share_an_errno() {
    let dead = |change: fn(&mut LastState)| {
        let mut dead = last_state(Established, TIMED_OUT);
        change(&mut dead);
        CloseReason::of(&dead)
    };
    let keepalive = dead(|dead| dead.probes = Some(9));
    assert_eq!(keepalive.cause, CloseCause::KeepaliveUnanswered);
    let limit = keepalive.limit.unwrap().to_string();
    assert_eq!(limit, "keepalive 7200 s + 9 x 75 s");

    let data = dead(|dead| (dead.retransmits, dead.unacked) = (Some(15), Some(100)));
    assert_eq!(data.cause, CloseCause::DataUnacknowledged);
    assert_eq!(data.limit, Some(Limit::Retries2(15)));

    let window = dead(|dead| (dead.probes, dead.unsent) = (Some(15), Some(100)));
    assert_eq!(window.cause, CloseCause::ZeroWindowUnanswered);
    assert_eq!(window.limit, Some(Limit::Retries2(15)));

    let connect = LastState {
        retransmits: Some(10),
        ..last_state(SynSent, TIMED_OUT)
    };
    let connect = CloseReason::of(&connect);
    assert_eq!(connect.cause, CloseCause::ConnectTimedOut);
    assert_eq!(connect.limit, Some(Limit::SynRetries(6)));
}

#[test]
fn a_user_timeout_decides_wherever_it_is_set() {
    let limit = Limit::UserTimeout(Duration::from_millis(4_500));
    for (probes, retransmits, unsent) in [(2, 0, 0), (0, 3, 0), (3, 0, 50), (0, 0, 50)] {
        let dead = LastState {
            probes: Some(probes),
            retransmits: Some(retransmits),
            unsent: Some(unsent),
            ..last_state(Established, TIMED_OUT)
        };
        let reason = CloseReason::of(&with(user_timeout(4_500), dead));
        assert_eq!(reason.limit, Some(limit), "{reason:?}");
    }
    assert_eq!(limit.to_string(), "TCP_USER_TIMEOUT 4.5 s");
}

#[test]
fn a_slow_reader_that_a_user_timeout_killed_left_no_open_probe() {
    let dead = LastState {
        unsent: Some(1),
        ..last_state(Established, TIMED_OUT)
    };
    assert_eq!(
        cause(with(user_timeout(1_000), dead)),
        CloseCause::ZeroWindowUnanswered
    );
}

#[test]
fn connecting_ends_by_its_count_or_by_the_user_timeout() {
    let connect = |options, retransmits| {
        let dead = LastState {
            retransmits: Some(retransmits),
            ..last_state(SynSent, TIMED_OUT)
        };
        CloseReason::of(&with(options, dead))
            .limit
            .unwrap()
            .to_string()
    };
    let mut both = user_timeout(60_000);
    both.syncnt = Some(2);
    assert_eq!(connect(both, 6), "TCP_SYNCNT 2");
    both.user_timeout_ms = Some(2_000);
    assert_eq!(connect(both, 2), "TCP_USER_TIMEOUT 2 s");
}

#[test]
fn a_routers_word_names_the_end_and_a_timer_decides_it() {
    let dead = LastState {
        retransmits: Some(5),
        ..last_state(Established, HOST_UNREACHABLE)
    };
    let reason = CloseReason::of(&with(user_timeout(3_000), dead));
    assert_eq!(reason.cause, CloseCause::HostUnreachable);
    let limit = Limit::UserTimeout(Duration::from_secs(3));
    assert_eq!(reason.limit, Some(limit));
    assert_eq!(
        CloseReason::of(&last_state(SynSent, HOST_UNREACHABLE)).limit,
        None
    );
}

#[test]
fn a_closed_connection_is_bound_by_the_retries_of_orphans() {
    let dead = LastState {
        orphan: Some(true),
        retransmits: Some(8),
        ..last_state(FinWait1, TIMED_OUT)
    };
    assert_eq!(CloseReason::of(&dead).limit, Some(Limit::OrphanRetries(0)));
}

#[test]
fn unknown_settings_name_no_limit() {
    for (probes, retransmits) in [(9, 0), (0, 9)] {
        let dead = LastState {
            probes: Some(probes),
            retransmits: Some(retransmits),
            settings: None,
            ..last_state(Established, TIMED_OUT)
        };
        assert_eq!(CloseReason::of(&dead).limit, None);
    }
}

#[test]
fn without_an_errno_the_counters_tell_what_they_can() {
    let quiet = last_state(Established, None);
    let gone = |change: fn(&mut LastState)| {
        let mut dead = quiet;
        change(&mut dead);
        cause(dead)
    };
    assert_eq!(gone(|_| {}), CloseCause::Unknown);
    assert_eq!(
        gone(|dead| dead.fin_acked = Some(true)),
        CloseCause::PeerClosed
    );
    assert_eq!(gone(|dead| dead.fin_acked = Some(false)), CloseCause::Reset);
    assert_eq!(
        gone(|dead| dead.time_wait = Some(true)),
        CloseCause::ClosedHere
    );
    assert_eq!(
        gone(|dead| (dead.fin_acked, dead.peer_finished) = (Some(false), Some(true))),
        CloseCause::ResetAfterFin
    );
    assert_eq!(
        gone(|dead| (dead.fin_acked, dead.unread) = (Some(false), Some(4))),
        CloseCause::ClosedUnread
    );
    assert_eq!(
        gone(|dead| dead.probes = Some(9)),
        CloseCause::KeepaliveUnanswered
    );
    assert_eq!(
        gone(|dead| (dead.probes, dead.unsent) = (Some(15), Some(9))),
        CloseCause::ZeroWindowUnanswered
    );
    assert_eq!(
        gone(|dead| (dead.probes, dead.unsent, dead.fin_acked) = (Some(9), Some(9), Some(false))),
        CloseCause::Reset
    );
    // The answer to the first probe was a RST.
    assert_eq!(
        gone(|dead| (dead.probes, dead.fin_acked) = (Some(1), Some(false))),
        CloseCause::Reset
    );
}

#[test]
fn without_an_errno_a_timeout_has_waited_and_a_reset_has_not() {
    let dead = |since_ms, rto_ms| {
        cause(LastState {
            retransmits: Some(2),
            fin_acked: Some(false),
            since_sent: Some(Duration::from_millis(since_ms)),
            rto: Some(Duration::from_millis(rto_ms)),
            ..last_state(Established, None)
        })
    };
    assert_eq!(dead(1_600, 1_600), CloseCause::DataUnacknowledged);
    assert_eq!(dead(3, 800), CloseCause::Reset);
}

#[test]
fn without_an_errno_a_user_timeout_is_measured_by_the_silence() {
    let dead = |silence_ms| {
        let dead = LastState {
            retransmits: Some(2),
            fin_acked: Some(false),
            silence: Some(Duration::from_millis(silence_ms)),
            ..last_state(Established, None)
        };
        cause(with(user_timeout(1_000), dead))
    };
    assert_eq!(dead(1_400), CloseCause::DataUnacknowledged);
    assert_eq!(dead(300), CloseCause::Reset);
}

#[test]
fn without_an_errno_connecting_is_told_by_what_came_back() {
    let connect = |segs_in, retransmits, since_ms| {
        cause(LastState {
            segs_in: Some(segs_in),
            retransmits: Some(retransmits),
            since_sent: Some(Duration::from_millis(since_ms)),
            rto: Some(Duration::from_secs(1)),
            ..last_state(SynSent, None)
        })
    };
    assert_eq!(connect(1, 0, 2), CloseCause::Refused);
    assert_eq!(connect(0, 6, 1_000), CloseCause::ConnectTimedOut);
    assert_eq!(connect(0, 0, 100), CloseCause::ConnectAbandoned);
    let cleared = |retransmits| {
        cause(LastState {
            segs_in: None,
            retransmits: Some(retransmits),
            ..last_state(SynSent, None)
        })
    };
    assert_eq!(cleared(2), CloseCause::ConnectTimedOut);
    assert_eq!(cleared(0), CloseCause::Unknown);
}

#[test]
fn words_are_single_and_distinct() {
    let words: BTreeSet<_> = CloseCause::ALL.iter().map(|cause| cause.word()).collect();
    assert_eq!(words.len(), CloseCause::ALL.len());
    assert!(words.iter().all(|word| !word.contains(char::is_whitespace)));
    let phrases: BTreeSet<_> = CloseCause::ALL.iter().map(|cause| cause.phrase()).collect();
    assert_eq!(phrases.len(), CloseCause::ALL.len());
    assert_eq!(CloseCause::Other(95).to_string(), "errno 95");
}

#[test]
fn the_cause_is_what_the_application_is_told() {
    assert_eq!(CloseCause::KeepaliveUnanswered.cause(), Cause::TimedOut);
    assert_eq!(CloseCause::ClosedUnread.cause(), Cause::Closed);
    assert_eq!(CloseCause::Other(95).cause(), Cause::Other(95));
    for cause in CloseCause::ALL
        .into_iter()
        .filter(|cause| cause.is_silence())
    {
        let told = [
            Cause::TimedOut,
            Cause::HostUnreachable,
            Cause::NetworkUnreachable,
        ];
        assert!(told.contains(&cause.cause()), "{cause}");
    }
}
