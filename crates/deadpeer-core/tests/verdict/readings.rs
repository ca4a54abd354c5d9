//! Single verdicts from hand-made readings of TCP_INFO.

use std::time::Duration;

use deadpeer_core::{Judge, Kernel, Snapshot, Supervision, TcpInfo, TcpState, Verdict};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn judge() -> Judge {
    Judge::new(Supervision::within(at(10)))
}

/// An established connection that was heard just now.
fn quiet() -> TcpInfo {
    let mut info = TcpInfo::default();
    info.state = Some(TcpState::Established);
    info.bytes_received = Some(100);
    info.bytes_acked = Some(100);
    info.segs_in = Some(10);
    info.data_segs_in = Some(4);
    info.segs_out = Some(12);
    info.data_segs_out = Some(5);
    info.total_retrans = Some(0);
    info.retransmits = Some(0);
    info.probes = Some(0);
    info.snd_wnd = Some(65_535);
    info.notsent_bytes = Some(0);
    info.last_ack_recv_ms = Some(0);
    info.last_data_recv_ms = Some(0);
    info
}

fn later(info: &TcpInfo, change: impl FnOnce(&mut TcpInfo)) -> TcpInfo {
    let mut info = *info;
    change(&mut info);
    info
}

#[test]
fn a_peer_that_was_just_heard_is_alive() {
    assert_eq!(
        judge().observe(at(5), &quiet()),
        Verdict::Alive { age: at(0) }
    );
}

#[test]
fn silence_that_nobody_broke_is_unknown() {
    let mut judge = judge();
    judge.observe(at(5), &quiet());
    let silent = later(&quiet(), |info| {
        info.last_ack_recv_ms = Some(60_000);
        info.last_data_recv_ms = Some(60_000);
    });
    assert_eq!(
        judge.observe(at(65), &silent),
        Verdict::Unknown { unanswered: 0 }
    );
}

#[test]
fn many_unanswered_probes_over_the_deadline_are_unreachable() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    let probed = |n: u8| later(&quiet(), |info| info.probes = Some(n));
    assert_eq!(
        judge.observe(at(4), &probed(3)),
        Verdict::Unknown { unanswered: 3 }
    );
    // Long enough but too few, many but too soon.
    assert_eq!(
        judge.observe(at(11), &probed(3)),
        Verdict::Unknown { unanswered: 3 }
    );
    assert_eq!(
        judge.observe(at(12), &probed(10)),
        Verdict::Unreachable {
            since: at(12),
            unanswered: 10
        }
    );
    let mut hasty = self::judge();
    hasty.observe(at(0), &quiet());
    assert_eq!(
        hasty.observe(at(3), &probed(50)),
        Verdict::Unknown { unanswered: 50 }
    );
}

#[test]
fn one_answer_ends_all_doubt() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    judge.observe(at(12), &later(&quiet(), |info| info.probes = Some(12)));
    let answered = later(&quiet(), |info| {
        info.segs_in = Some(11);
        info.segs_out = Some(25);
        info.last_ack_recv_ms = Some(200);
        info.last_data_recv_ms = Some(13_000);
    });
    assert_eq!(
        judge.observe(at(13), &answered),
        Verdict::Alive {
            age: Duration::from_millis(200)
        }
    );
    assert!(judge.loss().failing() > 0.1, "twelve lost questions count");
}

/// The peer's retransmissions refresh the kernel's ages and take its counts back, and prove nothing: ours do not arrive.
#[test]
fn inbound_duplicates_are_no_evidence() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    let mut info = quiet();
    for second in 1..=12 {
        info.segs_in = info.segs_in.map(|n| n + 1);
        info.data_segs_in = info.data_segs_in.map(|n| n + 1);
        // One probe from one duplicate to the next.
        info.probes = Some(1);
        info.last_ack_recv_ms = Some(0);
        info.last_data_recv_ms = Some(second * 1_000);
        judge.observe(at(second.into()), &info);
    }
    let Verdict::Unreachable { since, unanswered } = judge.verdict() else {
        panic!("{:?}", judge.verdict());
    };
    assert_eq!(since, at(12));
    assert!(unanswered >= 12, "{unanswered}");
}

/// One reading after new data and what came again of it: the data is dated by its own age.
#[test]
fn new_data_is_not_dated_by_what_came_again() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    let info = later(&quiet(), |info| {
        info.bytes_received = Some(200);
        info.segs_in = Some(15);
        info.data_segs_in = Some(9);
        info.last_data_recv_ms = Some(7_500);
        info.last_ack_recv_ms = Some(100);
    });
    assert_eq!(
        judge.observe(at(8), &info),
        Verdict::Alive {
            age: Duration::from_millis(7_500)
        }
    );
}

/// They are counted as segments without data, but the kernel does not take them for acknowledgements.
#[test]
fn probes_of_the_peer_are_no_evidence() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    for second in 1..=30 {
        let info = later(&quiet(), |info| {
            info.segs_in = info.segs_in.map(|n| n + second);
            info.probes = u8::try_from(second).ok();
            info.last_ack_recv_ms = Some(second * 1_000);
            info.last_data_recv_ms = Some(second * 1_000);
        });
        judge.observe(at(second.into()), &info);
    }
    assert!(
        matches!(judge.verdict(), Verdict::Unreachable { .. }),
        "{:?}",
        judge.verdict()
    );
}

/// A router's word keeps the kernel from waiting longer each time (RFC 6069), so that it retransmits hundreds of times in the deadline, and
/// its count of unanswered ones begins afresh after 255.
#[test]
fn retransmissions_without_number_are_silence_and_no_loss() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    let silent = later(&quiet(), |info| {
        info.bytes_acked = Some(200);
        info.data_segs_out = Some(405);
        info.total_retrans = Some(399);
        info.retransmits = Some(143);
        info.last_ack_recv_ms = Some(9_600);
        info.last_data_recv_ms = Some(10_000);
    });
    assert!(matches!(
        judge.observe(at(10), &silent),
        Verdict::Unreachable { .. }
    ));
}

#[test]
fn a_connection_that_loses_much_says_so_at_the_first_reading() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    let mut lossy = self::judge();
    lossy.observe(
        at(0),
        &later(&quiet(), |info| {
            info.data_segs_out = Some(40);
            info.total_retrans = Some(15);
        }),
    );
    assert!(lossy.needed() > judge.needed() + 10, "{}", lossy.needed());
    assert!(lossy.slip(at(1)) > at(10), "{:?}", lossy.slip(at(1)));
}

#[test]
fn a_closed_window_whose_probes_are_answered_is_stalled() {
    let mut judge = judge();
    let mut info = later(&quiet(), |info| {
        info.snd_wnd = Some(0);
        info.notsent_bytes = Some(5_000);
    });
    judge.observe(at(0), &info);
    for second in 1..=100 {
        info.segs_in = info.segs_in.map(|n| n + 1);
        assert_eq!(
            judge.observe(at(second), &info),
            Verdict::Stalled { since: at(second) }
        );
    }
}

#[test]
fn a_fin_of_the_peer_is_told_unless_it_vanished_afterwards() {
    let mut judge = judge();
    let fin = later(&quiet(), |info| info.state = Some(TcpState::CloseWait));
    assert_eq!(judge.observe(at(0), &fin), Verdict::PeerFinished);
    let gone = later(&fin, |info| info.probes = Some(30));
    assert!(matches!(
        judge.observe(at(40), &gone),
        Verdict::Unreachable { .. }
    ));
}

#[test]
fn a_closed_connection_needs_no_further_look() {
    let mut judge = judge();
    let closed = later(&quiet(), |info| info.state = Some(TcpState::Close));
    assert!(matches!(
        judge.observe(at(1), &closed),
        Verdict::Closed { .. }
    ));
    assert_eq!(judge.next_look(), None);
}

/// Before Linux 4.2 nothing counts segments: the kernel's ages have to do.
#[test]
fn old_kernels_are_judged_by_their_ages() {
    let old = |ago: u32, probes: u8| {
        let mut info = TcpInfo::default();
        info.state = Some(TcpState::Established);
        info.probes = Some(probes);
        info.retransmits = Some(0);
        info.last_ack_recv_ms = Some(ago);
        info.last_data_recv_ms = Some(ago + 50);
        info
    };
    let mut judge = judge();
    judge.observe(at(0), &old(0, 0));
    assert!(matches!(
        judge.observe(at(5), &old(2_000, 0)),
        Verdict::Alive { .. }
    ));
    assert!(matches!(
        judge.observe(at(20), &old(17_000, 12)),
        Verdict::Unreachable { .. }
    ));
}

/// Seconds from one look to the next, of a connection on which this happens between two looks, ten times.
fn spacing(change: impl Fn(&mut TcpInfo)) -> Duration {
    let mut judge = judge();
    let mut info = quiet();
    let mut now = at(100);
    let mut spacing = at(0);
    for _ in 0..10 {
        judge.observe(now, &info);
        let next = judge.next_look().expect("open");
        (spacing, now) = (next - now, next);
        change(&mut info);
    }
    spacing
}

fn count(counter: &mut Option<u32>) {
    *counter = counter.map(|n| n + 1);
}

#[test]
fn a_connection_that_is_heard_is_looked_at_once_per_deadline() {
    let probes = spacing(|info| {
        count(&mut info.segs_in);
        count(&mut info.segs_out);
    });
    assert!(probes > at(9) && probes <= at(10), "{probes:?}");
}

#[test]
fn arriving_data_takes_closer_looks_and_its_end_too() {
    let data = spacing(|info| {
        count(&mut info.segs_in);
        count(&mut info.data_segs_in);
        info.bytes_received = info.bytes_received.map(|n| n + 10);
    });
    assert!(data > at(4) && data < at(5), "{data:?}");
    let both = spacing(|info| {
        count(&mut info.segs_in);
        count(&mut info.data_segs_in);
        info.bytes_received = info.bytes_received.map(|n| n + 10);
        info.bytes_acked = info.bytes_acked.map(|n| n + 10);
    });
    assert!(both > at(1) && both < at(2), "{both:?}");

    let mut judge = judge();
    judge.observe(at(100), &quiet());
    let silent = later(&quiet(), |info| info.last_data_recv_ms = Some(2_000));
    judge.observe(at(102), &silent);
    let next = judge.next_look().expect("open");
    assert!(next > at(103) && next < at(104), "{next:?}");

    // It had stopped before it was found to have come.
    let mut judge = self::judge();
    judge.observe(at(100), &quiet());
    let stopped = later(&quiet(), |info| {
        info.data_segs_in = Some(9);
        info.segs_in = Some(15);
        info.bytes_received = Some(200);
        info.last_data_recv_ms = Some(4_000);
    });
    judge.observe(at(105), &stopped);
    let next = judge.next_look().expect("open");
    assert!(next > at(106) && next < at(107), "{next:?}");
}

/// What came again after the last answer makes that look younger, by as much as looks are apart: what comes on a connection is not known
/// before the second, so it is a close one.
#[test]
fn the_second_look_is_close() {
    let mut judge = judge();
    judge.observe(at(100), &quiet());
    let next = judge.next_look().expect("open");
    assert!(next > at(101) && next < at(102), "{next:?}");
}

/// A user timeout of the application's own ends the connection before the judge would.
#[test]
fn a_foreign_user_timeout_is_seen() {
    let kernel = Kernel::modern(Some(250));
    let supervision = Supervision::within(at(30));
    let mut options = supervision.options(&kernel).resolve(&kernel.sysctls);
    let snapshot = Snapshot::from_info(&quiet());
    assert_eq!(supervision.overruled(&options, &snapshot, &kernel), None);
    options.user_timeout_ms = Some(6_000);
    let (_, span) = supervision
        .overruled(&options, &snapshot, &kernel)
        .expect("6 s");
    assert!(span.latest < at(9), "{span:?}");
}
