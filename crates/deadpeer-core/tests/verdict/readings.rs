//! Single verdicts from hand-made readings of TCP_INFO.

use std::time::Duration;

use deadpeer_core::tcp_info::CaState;
use deadpeer_core::{Judge, Kernel, Snapshot, Supervision, TcpInfo, TcpState, Verdict};

use crate::hand_made::{at, count, judge, later, quiet};

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
    let mut hasty = crate::hand_made::judge();
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

/// The peer's retransmissions refresh the kernel's ages and take its counts back, and prove
/// nothing: ours do not arrive.
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

/// They are counted as segments without data, but the kernel does not take them for
/// acknowledgements.
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

/// A router's word keeps the kernel from waiting longer each time (RFC 6069), so that it
/// retransmits hundreds of times in the deadline, and its count of unanswered ones begins afresh
/// after 255.
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
    judge.observe(at(10), &silent);
    // A last question has been waited for.
    let now = judge.next_check().expect("open") + Duration::from_millis(200);
    let silent = later(&silent, |info| info.retransmits = Some(160));
    assert!(matches!(
        judge.observe(now, &silent),
        Verdict::Unreachable { .. }
    ));
}

/// Retransmissions come once a second, at their own times. Eight seconds of outage began a second
/// after the last answer, so that only a question after nine can be answered.
#[test]
fn a_question_after_the_longest_outage_is_waited_for() {
    let ms = Duration::from_millis;
    let resent = |n: u8| later(&quiet(), |info| info.retransmits = Some(n));
    let judge = || {
        let mut judge = judge();
        judge.observe(at(0), &quiet());
        judge.observe(ms(8_900), &resent(9));
        judge
    };
    let unreachable = |verdict| matches!(verdict, Verdict::Unreachable { .. });

    // The last went out at 8.7 s, the next will at 9.7.
    let mut waiting = judge();
    let verdict = waiting.observe(ms(9_500), &resent(9));
    assert_eq!(verdict, Verdict::Unknown { unanswered: 9 });
    let next = waiting.next_check().expect("open");
    assert!(next <= ms(9_600), "{next:?}");
    let mut mended = waiting;
    let answered = later(&quiet(), |info| info.bytes_acked = Some(200));
    assert!(matches!(
        mended.observe(ms(9_720), &answered),
        Verdict::Alive { .. }
    ));
    // The deadline comes first.
    assert!(unreachable(waiting.observe(ms(9_760), &resent(9))));

    // The last went out at 9.2 s.
    assert!(unreachable(judge().observe(ms(9_500), &resent(10))));
}

#[test]
fn a_connection_that_loses_much_says_so_at_the_first_reading() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    let mut lossy = crate::hand_made::judge();
    lossy.observe(
        at(0),
        &later(&quiet(), |info| {
            info.data_segs_out = Some(40);
            info.total_retrans = Some(15);
        }),
    );
    assert!(lossy.needed() > judge.needed() + 10, "{}", lossy.needed());
    assert!(lossy.slip(at(1)) > at(10), "{:?}", lossy.slip(at(1)));
    // What is measured already comes as no surprise.
    assert!(lossy.sudden_loss(0.4) < 1e-4, "{}", lossy.sudden_loss(0.4));
}

/// Measured after 40 s at 40 % loss each way, of which the judge had seen nothing. One segment of
/// data had moved, or dozens from the peer alone.
#[test]
fn a_judge_who_comes_late_learns_from_what_was_probed_before() {
    let half_closed = |info: &mut TcpInfo| {
        info.state = Some(TcpState::FinWait2);
        (info.segs_out, info.data_segs_out) = (Some(43), Some(1));
        (info.segs_in, info.data_segs_in) = (Some(16), Some(0));
        info.probes = Some(8);
    };
    let only_reading = |info: &mut TcpInfo| {
        (info.segs_out, info.data_segs_out) = (Some(96), Some(1));
        (info.segs_in, info.data_segs_in) = (Some(76), Some(62));
    };
    for reading in [later(&quiet(), half_closed), later(&quiet(), only_reading)] {
        let mut judge = judge();
        judge.observe(at(0), &reading);
        // A fresh connection asks for nine.
        assert!(judge.needed() >= 18, "{} of {reading:?}", judge.needed());
    }
}

/// Measured on paths without loss: one tail-loss probe, when a window had been filled, and three in
/// the first second of small writes. The peer reported them as duplicates.
#[test]
fn a_tail_loss_probe_too_many_costs_no_deadline() {
    let filled = |info: &mut TcpInfo| {
        (info.segs_out, info.data_segs_out) = (Some(12), Some(10));
        (info.total_retrans, info.dsack_dups) = (Some(1), Some(1));
        (info.segs_in, info.data_segs_in) = (Some(7), Some(0));
    };
    let writing = |info: &mut TcpInfo| {
        (info.segs_out, info.data_segs_out) = (Some(42), Some(40));
        (info.total_retrans, info.dsack_dups) = (Some(3), Some(3));
        (info.segs_in, info.data_segs_in) = (Some(25), Some(0));
    };
    for reading in [later(&quiet(), filled), later(&quiet(), writing)] {
        let mut judge = judge();
        judge.observe(at(0), &reading);
        // As many as a fresh connection, for which there is time in every deadline.
        assert!(judge.needed() <= 9, "{} of {reading:?}", judge.needed());
    }
}

/// Only our direction is lost, and what the peer writes comes again with ever longer waits. Each
/// time the kernel's count of probes begins afresh; the segments tell how many there were.
#[test]
fn probes_between_duplicates_are_counted() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    let mut info = quiet();
    for second in 1..=10 {
        if [1, 3, 7].contains(&second) {
            // It came again, and was acknowledged; the probe of this second had gone out before.
            count(&mut info.segs_in);
            count(&mut info.data_segs_in);
            count(&mut info.segs_out);
            info.probes = Some(0);
            info.last_ack_recv_ms = Some(0);
        } else {
            info.probes = info.probes.map(|n| n + 1);
        }
        count(&mut info.segs_out);
        info.last_data_recv_ms = Some(second * 1_000);
        judge.observe(at(second.into()), &info);
    }
    let Verdict::Unreachable { unanswered, .. } = judge.verdict() else {
        panic!("{:?}", judge.verdict());
    };
    // Ten probes and three lost acknowledgements.
    assert_eq!(unanswered, 13);
}

/// Many segments from the peer, each acknowledged, and its own probes, each answered: we have asked
/// nothing.
#[test]
fn acknowledgements_are_no_questions() {
    let mut judge = judge();
    judge.observe(at(0), &quiet());
    let mut info = quiet();
    for second in 1..=30 {
        info.segs_in = info.segs_in.map(|n| n + 3);
        info.data_segs_in = info.data_segs_in.map(|n| n + 2);
        info.segs_out = info.segs_out.map(|n| n + 3);
        info.last_data_recv_ms = Some(second * 1_000 + 500);
        info.last_ack_recv_ms = Some(second * 1_000 + 500);
        judge.observe(at(second.into()), &info);
    }
    // Each look has found that data came again.
    assert_eq!(
        judge.verdict(),
        Verdict::Unreachable {
            since: at(30),
            unanswered: 30
        }
    );
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

/// Its window had been closed for two hours when it was first seen, and closes again soon: a user
/// timeout that counts from the first probe of all must not have passed by then.
#[test]
fn a_slow_reader_that_is_first_seen_late_keeps_its_time() {
    let kernel = Kernel::modern(Some(250));
    let supervision = Supervision::within(at(30));
    let mut judge = Judge::new(supervision);
    let closed = later(&quiet(), |info| {
        info.snd_wnd = Some(0);
        info.notsent_bytes = Some(5_000);
        info.busy_time_us = Some(7_200_000_000);
        (info.data_segs_out, info.total_retrans) = (Some(40), Some(15));
    });
    judge.observe(at(0), &closed);
    let resent = later(&closed, |info| {
        info.snd_wnd = Some(2_000);
        info.ca_state = Some(CaState::Loss);
        info.retransmits = Some(1);
    });
    judge.observe(at(1), &resent);
    let ms = supervision.user_timeout(&kernel).ms(&judge, &resent);
    assert!(ms > 7_201_000, "{ms}");
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
    assert_eq!(judge.next_check(), None);
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

/// Window probes are counted against `tcp_retries2` whatever the options.
#[test]
fn few_retries_end_slow_readers_under_every_deadline() {
    for (retries2, ended) in [(0, true), (1, true), (2, false), (15, false)] {
        let mut kernel = Kernel::modern(Some(250));
        kernel.sysctls.retries2 = retries2;
        for within in [10, 30, 120] {
            let after = Supervision::within(at(within)).slow_reader_ended(&kernel);
            assert_eq!(after.is_some(), ended, "tcp_retries2 {retries2}");
            assert!(after < Some(at(2)), "{after:?}");
        }
    }
}
