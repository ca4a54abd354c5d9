//! Readings of TCP_INFO made by hand.

use std::time::Duration;

use deadpeer_core::{Effective, Judge, Kernel, Supervision, TcpInfo, TcpState};

pub(crate) fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn judge() -> Judge {
    Judge::new(Supervision::within(at(10)))
}

/// An established connection that was heard just now.
pub(crate) fn quiet() -> TcpInfo {
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

pub(crate) fn later(info: &TcpInfo, change: impl FnOnce(&mut TcpInfo)) -> TcpInfo {
    let mut info = *info;
    change(&mut info);
    info
}

pub(crate) fn count(counter: &mut Option<u32>) {
    *counter = counter.map(|n| n + 1);
}

#[test]
fn what_is_supervised_is_recognized_and_nothing_else() {
    for kernel in [
        Kernel::modern(Some(250)),
        Kernel::before_rto_max(Some(1000)),
    ] {
        for seconds in (1..400).chain([600, 3_600, 7_201]) {
            let options = Supervision::within(at(seconds)).options(&kernel);
            let mut options = options.resolve(&kernel.sysctls);
            assert!(Supervision::recognizes(&options, &kernel), "{seconds} s");
            for moved in [None, Some(96_000), Some(600_000)] {
                options.user_timeout_ms = moved;
                assert!(Supervision::recognizes(&options, &kernel), "{seconds} s");
            }
            options.user_timeout_ms = Some(20_000);
            assert!(!Supervision::recognizes(&options, &kernel), "{seconds} s");
        }
        let mut others = Effective::untouched(&kernel.sysctls);
        assert!(!Supervision::recognizes(&others, &kernel));
        others.keepalive = true;
        for (idle, interval, count) in [(60, 60, 127), (7_200, 75, 9), (600, 1, 127)] {
            (others.keepidle_s, others.keepintvl_s, others.keepcnt) = (idle, interval, count);
            assert!(!Supervision::recognizes(&others, &kernel), "{idle}");
        }
    }
}

/// Of the moment in which a path turns lossy `slip` knows nothing.
#[test]
fn what_a_sudden_loss_may_do_is_foretold() {
    let chance = |loss| Supervision::within(at(30)).sudden_loss(loss);
    assert_eq!((chance(0.0), chance(1.0)), (0.0, 1.0));
    assert!(chance(0.25) < 0.001, "{}", chance(0.25));
    assert!((0.01..0.02).contains(&chance(0.4)), "{}", chance(0.4));
    let surer = Supervision::within(at(30)).false_alarm_every(at(1_000_000_000));
    assert!(surer.sudden_loss(0.4) < chance(0.4));
    // Within 5 s there is time for four questions, and a path known to be clean takes no more.
    let hasty = Supervision::within(at(5)).sudden_loss(0.4);
    assert!((0.16..0.17).contains(&hasty), "{hasty}");
    assert_eq!(Supervision::within(at(10)).sudden_loss(0.4), chance(0.4));
    // A connection says the same before it has measured anything.
    assert_eq!(
        Judge::new(Supervision::within(at(30))).sudden_loss(0.4),
        chance(0.4)
    );
}

/// As often as `tcp_retries2` lets retransmissions come without ending the connection first.
#[test]
fn a_deadline_has_room_for_a_dozen_questions() {
    for (seconds, fewest) in [(10, 8), (20, 11), (24, 11), (30, 11), (120, 9)] {
        let options = Supervision::within(at(seconds)).options(&Kernel::modern(Some(250)));
        let apart = f64::from(options.rto_max_ms.unwrap()) / 1_000.0 * 8.0 / 7.0;
        assert!(
            at(seconds).as_secs_f64() / apart >= f64::from(fewest),
            "{seconds} s"
        );
    }
}
