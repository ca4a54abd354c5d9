//! When the judge wants to look again.

use std::time::Duration;

use deadpeer_core::TcpInfo;

use crate::hand_made::{at, count, judge, later, quiet};

/// Seconds from one look to the next, of a connection on which this happens between two looks, ten
/// times.
fn spacing(change: impl Fn(&mut TcpInfo)) -> Duration {
    let mut judge = judge();
    let mut info = quiet();
    let mut now = at(100);
    let mut spacing = at(0);
    for _ in 0..10 {
        judge.observe(now, &info);
        let next = judge.next_check().expect("open");
        (spacing, now) = (next - now, next);
        change(&mut info);
    }
    spacing
}

#[test]
fn a_connection_that_is_heard_is_looked_at_once_per_deadline() {
    let probes = spacing(|info| {
        count(&mut info.segs_in);
        count(&mut info.segs_out);
    });
    assert!(probes > at(8) && probes <= at(10), "{probes:?}");
}

#[test]
fn arriving_data_takes_closer_looks_and_its_end_too() {
    let data = spacing(|info| {
        count(&mut info.segs_in);
        count(&mut info.data_segs_in);
        info.bytes_received = info.bytes_received.map(|n| n + 10);
    });
    assert!(data > at(1) && data < at(2), "{data:?}");

    // It had stopped before it was found to have come.
    let mut judge = judge();
    judge.observe(at(100), &quiet());
    let stopped = later(&quiet(), |info| {
        info.data_segs_in = Some(9);
        info.segs_in = Some(15);
        info.bytes_received = Some(200);
        info.last_data_recv_ms = Some(4_000);
    });
    judge.observe(at(105), &stopped);
    let next = judge.next_check().expect("open");
    assert!(next > at(106) && next < at(107), "{next:?}");
}

/// What came again after the last answer makes that look younger, by as much as looks are apart:
/// what comes on a connection is not known before the second, so it is a close one.
#[test]
fn the_second_look_is_close() {
    let mut judge = judge();
    judge.observe(at(100), &quiet());
    let next = judge.next_check().expect("open");
    assert!(next > at(101) && next < at(102), "{next:?}");
}
