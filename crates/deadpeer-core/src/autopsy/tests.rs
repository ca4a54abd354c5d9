//! Autopsies by arithmetic: each row is what the kernel leaves of one kind of death.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Autopsy, Limit, Manner, Remains};
use crate::TcpState::{
    CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, SynRecv, SynSent,
};
use crate::{Cause, SocketOptions, Sysctls, TcpState};

const ABORTED: i32 = 103;
const RESET: i32 = 104;
const TIMED_OUT: i32 = 110;
const HOST_UNREACHABLE: i32 = 113;

/// What is left of a connection whose application set nothing.
fn remains(state: TcpState, errno: impl Into<Option<i32>>) -> Remains {
    Remains {
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
        ..Remains::default()
    }
}

fn with(options: SocketOptions, remains: Remains) -> Remains {
    Remains {
        settings: Some(options.resolve(&Sysctls::DEFAULT)),
        ..remains
    }
}

fn user_timeout(ms: u32) -> SocketOptions {
    SocketOptions {
        user_timeout_ms: Some(ms),
        ..SocketOptions::default()
    }
}

fn manner(remains: Remains) -> Manner {
    let autopsy = Autopsy::of(&remains);
    assert_eq!(autopsy.certain, remains.errno.is_some());
    autopsy.manner
}

#[test]
fn without_an_error_the_last_state_tells_who_closed() {
    for (state, told) in [
        (LastAck, Manner::PeerClosed),
        (FinWait1, Manner::ClosedHere),
        (FinWait2, Manner::ClosedHere),
        (Closing, Manner::ClosedHere),
        (SynSent, Manner::ConnectAbandoned),
        (Established, Manner::AbortedHere),
        (CloseWait, Manner::AbortedHere),
        (SynRecv, Manner::AbortedHere),
    ] {
        assert_eq!(manner(remains(state, 0)), told, "{state}");
        assert_eq!(Autopsy::of(&remains(state, 0)).limit, None);
    }
    for state in [Established, CloseWait] {
        let unread = Remains {
            unread: Some(3),
            ..remains(state, 0)
        };
        assert_eq!(manner(unread), Manner::ClosedUnread);
    }
}

#[test]
fn an_errno_with_one_meaning_needs_no_counters() {
    for (errno, told) in [
        (RESET, Manner::Reset),
        (32, Manner::ResetAfterFin),
        (ABORTED, Manner::Destroyed),
        (111, Manner::Refused),
        (HOST_UNREACHABLE, Manner::HostUnreachable),
        (101, Manner::NetworkUnreachable),
        (13, Manner::Prohibited),
        (95, Manner::Other(95)),
    ] {
        let bare = Remains {
            errno: Some(errno),
            ..Remains::default()
        };
        assert_eq!(manner(bare), told, "errno {errno}");
    }
}

#[test]
fn a_reset_after_the_peers_fin_is_told_in_every_state() {
    for state in [CloseWait, LastAck, Closing] {
        assert_eq!(manner(remains(state, RESET)), Manner::ResetAfterFin);
    }
    for state in [Established, FinWait1, FinWait2] {
        assert_eq!(manner(remains(state, RESET)), Manner::Reset);
    }
}

#[test]
fn four_silences_share_an_errno() {
    let dead = |change: fn(&mut Remains)| {
        let mut dead = remains(Established, TIMED_OUT);
        change(&mut dead);
        Autopsy::of(&dead)
    };
    let keepalive = dead(|dead| dead.probes = Some(9));
    assert_eq!(keepalive.manner, Manner::KeepaliveUnanswered);
    let limit = keepalive.limit.unwrap().to_string();
    assert_eq!(limit, "keepalive 7200 s + 9 x 75 s");

    let data = dead(|dead| (dead.retransmits, dead.unacked) = (Some(15), Some(100)));
    assert_eq!(data.manner, Manner::DataUnacknowledged);
    assert_eq!(data.limit, Some(Limit::Retries2(15)));

    let window = dead(|dead| (dead.probes, dead.unsent) = (Some(15), Some(100)));
    assert_eq!(window.manner, Manner::ZeroWindowUnanswered);
    assert_eq!(window.limit, Some(Limit::Retries2(15)));

    let connect = Remains {
        retransmits: Some(10),
        ..remains(SynSent, TIMED_OUT)
    };
    let connect = Autopsy::of(&connect);
    assert_eq!(connect.manner, Manner::ConnectTimedOut);
    assert_eq!(connect.limit, Some(Limit::SynRetries(6)));
}

#[test]
fn a_user_timeout_decides_wherever_it_is_set() {
    let limit = Limit::UserTimeout(Duration::from_millis(4_500));
    for (probes, retransmits, unsent) in [(2, 0, 0), (0, 3, 0), (3, 0, 50), (0, 0, 50)] {
        let dead = Remains {
            probes: Some(probes),
            retransmits: Some(retransmits),
            unsent: Some(unsent),
            ..remains(Established, TIMED_OUT)
        };
        let autopsy = Autopsy::of(&with(user_timeout(4_500), dead));
        assert_eq!(autopsy.limit, Some(limit), "{autopsy:?}");
    }
    assert_eq!(limit.to_string(), "TCP_USER_TIMEOUT 4.5 s");
}

#[test]
fn a_slow_reader_that_a_user_timeout_killed_left_no_open_probe() {
    let dead = Remains {
        unsent: Some(1),
        ..remains(Established, TIMED_OUT)
    };
    assert_eq!(
        manner(with(user_timeout(1_000), dead)),
        Manner::ZeroWindowUnanswered
    );
}

#[test]
fn connecting_ends_by_its_count_or_by_the_user_timeout() {
    let connect = |options, retransmits| {
        let dead = Remains {
            retransmits: Some(retransmits),
            ..remains(SynSent, TIMED_OUT)
        };
        Autopsy::of(&with(options, dead)).limit.unwrap().to_string()
    };
    let mut both = user_timeout(60_000);
    both.syncnt = Some(2);
    assert_eq!(connect(both, 6), "TCP_SYNCNT 2");
    both.user_timeout_ms = Some(2_000);
    assert_eq!(connect(both, 2), "TCP_USER_TIMEOUT 2 s");
}

#[test]
fn a_routers_word_names_the_end_and_a_timer_decides_it() {
    let dead = Remains {
        retransmits: Some(5),
        ..remains(Established, HOST_UNREACHABLE)
    };
    let autopsy = Autopsy::of(&with(user_timeout(3_000), dead));
    assert_eq!(autopsy.manner, Manner::HostUnreachable);
    let limit = Limit::UserTimeout(Duration::from_secs(3));
    assert_eq!(autopsy.limit, Some(limit));
    assert_eq!(Autopsy::of(&remains(SynSent, HOST_UNREACHABLE)).limit, None);
}

#[test]
fn a_closed_connection_is_bound_by_the_retries_of_orphans() {
    let dead = Remains {
        orphan: Some(true),
        retransmits: Some(8),
        ..remains(FinWait1, TIMED_OUT)
    };
    assert_eq!(Autopsy::of(&dead).limit, Some(Limit::OrphanRetries(0)));
}

#[test]
fn unknown_settings_name_no_limit() {
    for (probes, retransmits) in [(9, 0), (0, 9)] {
        let dead = Remains {
            probes: Some(probes),
            retransmits: Some(retransmits),
            settings: None,
            ..remains(Established, TIMED_OUT)
        };
        assert_eq!(Autopsy::of(&dead).limit, None);
    }
}

#[test]
fn without_an_errno_the_counters_tell_what_they_can() {
    let quiet = remains(Established, None);
    let gone = |change: fn(&mut Remains)| {
        let mut dead = quiet;
        change(&mut dead);
        manner(dead)
    };
    assert_eq!(gone(|_| {}), Manner::Unknown);
    assert_eq!(gone(|dead| dead.fin_acked = Some(true)), Manner::PeerClosed);
    assert_eq!(gone(|dead| dead.fin_acked = Some(false)), Manner::Reset);
    assert_eq!(gone(|dead| dead.time_wait = Some(true)), Manner::ClosedHere);
    assert_eq!(
        gone(|dead| (dead.fin_acked, dead.peer_finished) = (Some(false), Some(true))),
        Manner::ResetAfterFin
    );
    assert_eq!(
        gone(|dead| (dead.fin_acked, dead.unread) = (Some(false), Some(4))),
        Manner::ClosedUnread
    );
    assert_eq!(
        gone(|dead| dead.probes = Some(9)),
        Manner::KeepaliveUnanswered
    );
    assert_eq!(
        gone(|dead| (dead.probes, dead.unsent) = (Some(15), Some(9))),
        Manner::ZeroWindowUnanswered
    );
    assert_eq!(
        gone(|dead| (dead.probes, dead.unsent, dead.fin_acked) = (Some(9), Some(9), Some(false))),
        Manner::Reset
    );
    // The answer to the first probe was a RST.
    assert_eq!(
        gone(|dead| (dead.probes, dead.fin_acked) = (Some(1), Some(false))),
        Manner::Reset
    );
}

#[test]
fn without_an_errno_a_timeout_has_waited_and_a_reset_has_not() {
    let dead = |since_ms, rto_ms| {
        manner(Remains {
            retransmits: Some(2),
            fin_acked: Some(false),
            since_sent: Some(Duration::from_millis(since_ms)),
            rto: Some(Duration::from_millis(rto_ms)),
            ..remains(Established, None)
        })
    };
    assert_eq!(dead(1_600, 1_600), Manner::DataUnacknowledged);
    assert_eq!(dead(3, 800), Manner::Reset);
}

#[test]
fn without_an_errno_a_user_timeout_is_measured_by_the_silence() {
    let dead = |silence_ms| {
        let dead = Remains {
            retransmits: Some(2),
            fin_acked: Some(false),
            silence: Some(Duration::from_millis(silence_ms)),
            ..remains(Established, None)
        };
        manner(with(user_timeout(1_000), dead))
    };
    assert_eq!(dead(1_400), Manner::DataUnacknowledged);
    assert_eq!(dead(300), Manner::Reset);
}

#[test]
fn without_an_errno_connecting_is_told_by_what_came_back() {
    let connect = |segs_in, retransmits, since_ms| {
        manner(Remains {
            segs_in: Some(segs_in),
            retransmits: Some(retransmits),
            since_sent: Some(Duration::from_millis(since_ms)),
            rto: Some(Duration::from_secs(1)),
            ..remains(SynSent, None)
        })
    };
    assert_eq!(connect(1, 0, 2), Manner::Refused);
    assert_eq!(connect(0, 6, 1_000), Manner::ConnectTimedOut);
    assert_eq!(connect(0, 0, 100), Manner::ConnectAbandoned);
    let cleared = |retransmits| {
        manner(Remains {
            segs_in: None,
            retransmits: Some(retransmits),
            ..remains(SynSent, None)
        })
    };
    assert_eq!(cleared(2), Manner::ConnectTimedOut);
    assert_eq!(cleared(0), Manner::Unknown);
}

#[test]
fn words_are_single_and_distinct() {
    let words: BTreeSet<_> = Manner::ALL.iter().map(|manner| manner.word()).collect();
    assert_eq!(words.len(), Manner::ALL.len());
    assert!(words.iter().all(|word| !word.contains(char::is_whitespace)));
    let phrases: BTreeSet<_> = Manner::ALL.iter().map(|manner| manner.phrase()).collect();
    assert_eq!(phrases.len(), Manner::ALL.len());
    assert_eq!(Manner::Other(95).to_string(), "errno 95");
}

#[test]
fn the_cause_is_what_the_application_is_told() {
    assert_eq!(Manner::KeepaliveUnanswered.cause(), Cause::TimedOut);
    assert_eq!(Manner::ClosedUnread.cause(), Cause::Closed);
    assert_eq!(Manner::Other(95).cause(), Cause::Other(95));
    for manner in Manner::ALL.into_iter().filter(|manner| manner.is_silence()) {
        let told = [
            Cause::TimedOut,
            Cause::HostUnreachable,
            Cause::NetworkUnreachable,
        ];
        assert!(told.contains(&manner.cause()), "{manner}");
    }
}
