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
const REFUSED: i32 = 111;
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

fn cause_of(last_state: &LastState) -> CloseCause {
    CloseReason::of(last_state).cause
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
        (REFUSED, CloseCause::Refused),
        (32, CloseCause::ResetAfterFin),
        (ABORTED, CloseCause::Destroyed),
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

/// A closed window with something behind it, seconds after an answer, at a user timeout of 6 s.
fn behind_a_window(probes: u8, silence_s: u64) -> LastState {
    with(
        user_timeout(6_000),
        LastState {
            unsent: Some(100),
            probes: Some(probes),
            peer_window: Some(0),
            silence: Some(Duration::from_secs(silence_s)),
            since_sent: Some(Duration::from_secs(7)),
            ..last_state(Established, TIMED_OUT)
        },
    )
}

#[test]
fn whoever_answered_the_window_probes_was_a_live_slow_reader() {
    let reason = CloseReason::of(&behind_a_window(0, 3));
    assert_eq!(reason.cause, CloseCause::SlowReader);
    let limit = Limit::UserTimeout(Duration::from_secs(6));
    assert_eq!(reason.limit, Some(limit));
    assert!(reason.advice().unwrap().contains("TCP_USER_TIMEOUT"));
    // One probe may be lost on any path.
    assert_eq!(cause(behind_a_window(1, 3)), CloseCause::SlowReader);
    for (probes, silence_s) in [(1, 6), (2, 3), (4, 7)] {
        let dead = behind_a_window(probes, silence_s);
        assert_eq!(cause(dead), CloseCause::ZeroWindowUnanswered, "{probes}");
    }
    let nobody_saw_the_window = LastState {
        peer_window: None,
        ..behind_a_window(0, 3)
    };
    assert_eq!(cause(nobody_saw_the_window), CloseCause::SlowReader);
}

#[test]
fn a_window_that_closed_over_data_in_flight_is_judged_by_the_answers_to_it() {
    let dead = |silence_s| LastState {
        unacked: Some(100),
        since_sent: Some(Duration::from_secs(2)),
        ..behind_a_window(0, silence_s)
    };
    assert_eq!(cause(dead(1)), CloseCause::SlowReader);
    assert_eq!(cause(dead(6)), CloseCause::ZeroWindowUnanswered);
}

#[test]
fn what_was_never_sent_behind_an_open_window_was_dropped_here() {
    let dead = LastState {
        peer_window: Some(64_256),
        ..behind_a_window(3, 7)
    };
    let reason = CloseReason::of(&dead);
    assert_eq!(reason.cause, CloseCause::DroppedHere);
    assert!(reason.limit.is_some() && reason.advice().is_some());
    // Too narrow for the segment that waits: probed like a closed one.
    let narrow = LastState {
        peer_window: Some(100),
        ..behind_a_window(0, 3)
    };
    assert_eq!(cause(narrow), CloseCause::SlowReader);
}

#[test]
fn data_after_close_is_no_reset_of_the_peers() {
    for (state, errno, told) in [
        (FinWait1, RESET, CloseCause::ClosedDataCame),
        (FinWait2, 0, CloseCause::ClosedDataCame),
        (FinWait2, TIMED_OUT, CloseCause::Unknown),
        (LastAck, 0, CloseCause::PeerClosed),
    ] {
        let dead = LastState {
            data_after_close: Some(true),
            ..last_state(state, errno)
        };
        assert_eq!(cause_of(&dead), told, "{state} {errno}");
    }
}

#[test]
fn connection_refused_after_the_handshake_is_a_word_of_icmp() {
    let dead = LastState {
        retransmits: Some(4),
        ..last_state(Established, REFUSED)
    };
    let reason = CloseReason::of(&dead);
    assert_eq!(reason.cause, CloseCause::PortUnreachable);
    assert_eq!(reason.limit, Some(Limit::Retries2(15)));
    assert_eq!(cause(last_state(SynSent, REFUSED)), CloseCause::Refused);
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
        gone(|dead| (dead.fin_acked, dead.peer_finished) = (Some(true), Some(true))),
        CloseCause::PeerClosed
    );
    // Who closed first?
    assert_eq!(
        gone(|dead| dead.fin_acked = Some(true)),
        CloseCause::Unknown
    );
    // Reset, destroyed or thrown away?
    assert_eq!(
        gone(|dead| dead.fin_acked = Some(false)),
        CloseCause::Unknown
    );
    assert_eq!(
        gone(|dead| (dead.reset_came, dead.peer_finished) = (Some(true), Some(false))),
        CloseCause::Reset
    );
    assert_eq!(
        gone(|dead| dead.reset_came = Some(true)),
        CloseCause::Unknown
    );
    assert_eq!(
        gone(|dead| dead.time_wait = Some(true)),
        CloseCause::ClosedHere
    );
    assert_eq!(
        gone(|dead| (dead.reset_came, dead.peer_finished) = (Some(true), Some(true))),
        CloseCause::ResetAfterFin
    );
    assert_eq!(
        gone(|dead| {
            (dead.fin_acked, dead.unread, dead.reset_came) = (Some(false), Some(4), Some(false));
        }),
        CloseCause::ClosedUnread
    );
    // Whoever is reset does not read the rest either.
    assert_eq!(
        gone(|dead| (dead.fin_acked, dead.unread) = (Some(false), Some(4))),
        CloseCause::Unknown
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
        CloseCause::Unknown
    );
    // The answer to the first probe, or to the last, was a RST.
    assert_eq!(
        gone(|dead| (dead.probes, dead.fin_acked) = (Some(1), Some(false))),
        CloseCause::Unknown
    );
    assert_eq!(
        gone(|dead| {
            (dead.probes, dead.silence) = (Some(9), Some(Duration::from_secs(7200 + 8 * 75)));
        }),
        CloseCause::Unknown
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
    assert_eq!(dead(3, 800), CloseCause::Unknown);
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
    assert_eq!(dead(300), CloseCause::Unknown);
}

#[test]
fn without_an_errno_connecting_is_told_by_what_came_back() {
    let connect = |segs_in, retransmits| {
        cause(LastState {
            segs_in,
            retransmits: Some(retransmits),
            ..last_state(SynSent, None)
        })
    };
    assert_eq!(connect(Some(1), 0), CloseCause::Refused);
    assert_eq!(connect(Some(0), 10), CloseCause::ConnectTimedOut);
    assert_eq!(connect(None, 10), CloseCause::ConnectTimedOut);
    // A program that does not wait for the end, or a router's word.
    for sent_again in [0, 6, 9] {
        assert_eq!(connect(Some(0), sent_again), CloseCause::Unknown);
    }
    // connect(2) clears the counters when it fails.
    assert_eq!(connect(None, 0), CloseCause::Unknown);
}

#[test]
fn without_an_errno_connect_timed_out_when_every_syn_was_sent() {
    let sent = |options: SocketOptions, linear, retransmits| {
        let mut sysctls = Sysctls::DEFAULT;
        sysctls.syn_linear_timeouts = linear;
        cause(LastState {
            segs_in: Some(0),
            retransmits: Some(retransmits),
            settings: Some(options.resolve(&sysctls)),
            sysctls: Some(sysctls),
            ..last_state(SynSent, None)
        })
    };
    let mut count = SocketOptions::default();
    // After 3 s, and after 7 s.
    for (syncnt, linear, enough) in [(1, Some(4), 2), (2, Some(4), 5), (1, None, 1), (2, None, 2)] {
        count.syncnt = Some(syncnt);
        assert_eq!(sent(count, linear, enough), CloseCause::ConnectTimedOut);
        assert_eq!(sent(count, linear, enough - 1), CloseCause::Unknown);
    }
    assert_eq!(
        sent(user_timeout(2_500), Some(4), 2),
        CloseCause::ConnectTimedOut
    );
}

#[test]
fn words_are_single_and_distinct() {
    let words: BTreeSet<_> = CloseCause::ALL.iter().map(|cause| cause.word()).collect();
    assert_eq!(words.len(), CloseCause::ALL.len());
    assert!(words.iter().all(|word| !word.contains(char::is_whitespace)));
    let phrases: BTreeSet<_> = CloseCause::ALL.iter().map(|cause| cause.phrase()).collect();
    assert_eq!(phrases.len(), CloseCause::ALL.len());
    assert_eq!(CloseCause::Other(95).to_string(), "errno 95");
    for cause in CloseCause::ALL {
        assert_eq!(CloseCause::from_word(cause.word()), Some(cause));
    }
    assert_eq!(CloseCause::from_word("other"), Some(CloseCause::Other(0)));
    assert_eq!(CloseCause::from_word("peer closed"), None);
}

#[test]
fn every_cause_has_a_row_in_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    let document = std::fs::read_to_string(path).unwrap();
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let told: String = rows.filter_map(|row| row.split('|').nth(2)).collect();
    for cause in CloseCause::ALL {
        assert!(told.contains(&format!("`{}`", cause.word())), "{cause}");
    }
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
            Cause::Refused,
        ];
        assert!(told.contains(&cause.cause()), "{cause}");
    }
}
