//! Deaths that were measured on Linux 6.18 (HZ 250, loopback round trips: RTO 204 ms) lie where the
//! forecast says.

use std::time::Duration;

use deadpeer_core::forecast::{Armed, Timer, model_timeout_ms};
use deadpeer_core::{
    Effective, Forecast, Kernel, Notice, Snapshot, SocketOptions, Sysctls, TcpState,
};

/// A connection over loopback, idle.
fn loopback(state: TcpState) -> Snapshot {
    let mut snapshot = Snapshot::new(state);
    snapshot.rto = Some(Duration::from_millis(204));
    snapshot.srtt = Some(Duration::from_micros(40));
    snapshot.tail_loss_probe = Some(true);
    snapshot
}

fn keepalive(idle: u32, interval: u32, count: u32) -> SocketOptions {
    SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(idle),
        keepintvl_s: Some(interval),
        keepcnt: Some(count),
        ..SocketOptions::default()
    }
}

fn user_timeout(options: SocketOptions, ms: u32) -> SocketOptions {
    let mut options = options;
    options.user_timeout_ms = Some(ms);
    options
}

fn kernel(change: impl Fn(&mut Sysctls)) -> Kernel {
    let mut kernel = Kernel::modern(Some(250));
    change(&mut kernel.sysctls);
    kernel
}

fn forecast(options: SocketOptions, kernel: &Kernel) -> Forecast {
    let options: Effective = options.resolve(&kernel.sysctls);
    Forecast::of(&options, &loopback(TcpState::Established), kernel)
}

fn seconds(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

#[track_caller]
fn contains(notice: Notice, measured: f64) {
    let Notice::Within(span) = notice else {
        panic!("never, measured {measured} s");
    };
    // Measured by a program that polls, and quoted to a tenth of a second.
    let (after, before) = (seconds(measured - 0.06), seconds(measured + 0.06));
    assert!(
        span.earliest <= before && after <= span.latest,
        "{measured} s not in {span:?}"
    );
}

/// The span holds the nominal time and its lateness, and not much more.
#[track_caller]
fn is_about(notice: Notice, nominal: f64) {
    let Notice::Within(span) = notice else {
        panic!("never, nominal {nominal} s");
    };
    let (nominal, late) = (seconds(nominal), seconds(nominal * 1.14 + 0.05));
    assert!(
        span.earliest + seconds(0.01) >= nominal && span.latest <= late,
        "{nominal:?}: {span:?}"
    );
}

#[test]
fn idle_takes_the_idle_time_and_every_interval() {
    let kernel = kernel(|_| {});
    for (idle, interval, count) in [
        (2, 1, 2),
        (15, 15, 9),
        (60, 60, 8),
        (300, 100, 3),
        (7200, 75, 9),
    ] {
        let nominal = f64::from(idle + interval * count);
        is_about(
            forecast(keepalive(idle, interval, count), &kernel)
                .idle
                .worst,
            nominal,
        );
    }
}

#[test]
fn without_keepalive_an_idle_connection_is_never_given_up() {
    let forecast = forecast(SocketOptions::default(), &kernel(|_| {}));
    assert_eq!(forecast.idle.worst, Notice::Never);
    assert_eq!(forecast.late_write.worst, Notice::Never);
    assert_eq!(forecast.after_fin.worst, Notice::Never);
    assert_eq!(forecast.lost_probes_survived, None);
    assert_eq!(forecast.slow_reader, Notice::Never);
}

/// idle + intvl * max(1, ceil((UTO - idle) / intvl)), whatever the count.
#[test]
fn a_user_timeout_replaces_the_count() {
    let kernel = kernel(|_| {});
    for (idle, interval, ms, probes) in [
        (10, 5, 22_000, 3),
        (10, 5, 3_000, 1),
        (15, 15, 30_000, 1),
        (2, 1, 4_000, 2),
    ] {
        for count in [1, 9, 127] {
            let forecast = forecast(user_timeout(keepalive(idle, interval, count), ms), &kernel);
            let nominal = f64::from(idle + interval * probes);
            let Notice::Within(span) = forecast.idle.worst else {
                panic!()
            };
            assert!(span.latest >= seconds(nominal), "{span:?}");
            assert!(span.earliest <= seconds(nominal + 0.01), "{span:?}");
            assert!(forecast.lost_probes_survived <= Some(probes - 1));
        }
    }
}

/// reqwest 0.13 ships 15 s, 15 s, 3 probes and a user timeout of 30 s.
#[test]
fn one_lost_probe_is_fatal_where_the_user_timeout_ends_with_the_first_interval() {
    let forecast = forecast(user_timeout(keepalive(15, 15, 3), 30_000), &kernel(|_| {}));
    assert_eq!(forecast.lost_probes_survived, Some(0));
}

#[test]
fn data_in_flight_is_bounded_by_retries2_and_keepalive_plays_no_part() {
    for (retries2, measured) in [(15, 937.8), (3, 6.9), (5, 13.4), (6, 26.7)] {
        let kernel = kernel(|sysctls| sysctls.retries2 = retries2);
        for options in [SocketOptions::default(), keepalive(1, 1, 1)] {
            contains(forecast(options, &kernel).in_flight.worst, measured);
        }
    }
}

/// Sooner than without and later: the first six waits of a thin stream don't double. Measured with
/// Reno after a loss, and under BBR, which leaves the slow-start threshold infinite.
#[test]
fn a_thin_stream_with_linear_timeouts() {
    for (retries2, measured, doubling) in [(3, 4.58, 6.85), (4, 7.88, 6.8), (5, 14.62, 13.5)] {
        let kernel = kernel(|sysctls| {
            sysctls.retries2 = retries2;
            sysctls.thin_linear_timeouts = true;
        });
        let mut thin = loopback(TcpState::Established);
        (thin.in_flight, thin.segments_in_flight) = (true, Some(1));
        let options = Effective::untouched(&kernel.sysctls);
        for (initial_slow_start, may_be) in [
            (Some(false), &[measured][..]),
            (Some(true), &[measured, doubling]),
        ] {
            thin.initial_slow_start = initial_slow_start;
            let now = Forecast::of(&options, &thin, &kernel).in_flight.now;
            for one in may_be {
                contains(now.unwrap(), *one);
            }
        }
    }
}

#[test]
fn data_in_flight_is_bounded_by_the_user_timeout_from_the_first_timeout_on() {
    for ms in [1_000, 4_000, 30_000] {
        let options = user_timeout(SocketOptions::default(), ms);
        let nominal = f64::from(ms) / 1000.0 + 2.0 * 0.204;
        is_about(
            forecast(options, &kernel(|_| {})).in_flight.worst,
            nominal - 0.01,
        );
    }
}

#[test]
fn a_capped_rto_bounds_everything_but_idle() {
    let options = SocketOptions {
        rto_max_ms: Some(1_000),
        ..SocketOptions::default()
    };
    let forecast = forecast(options, &kernel(|_| {}));
    contains(forecast.in_flight.worst, 15.0);
    let Notice::Within(span) = forecast.zero_window.worst else {
        panic!()
    };
    assert!(
        span.latest > seconds(14.0) && span.latest < seconds(16.9),
        "{span:?}"
    );
    assert_eq!(forecast.slow_reader, Notice::Never);
}

#[test]
fn the_kernels_model_of_retries() {
    assert_eq!(model_timeout_ms(15, 120_000, 200), 924_600);
    assert_eq!(model_timeout_ms(15, 1_000, 200), 14_400);
    for n in 0..=9 {
        assert_eq!(model_timeout_ms(n, 120_000, 200), ((2 << n) - 1) * 200);
    }
    assert_eq!(model_timeout_ms(u32::MAX, 120_000, 200), u32::MAX);
}

/// Keepalive alone takes 5 s here; a write just before its verdict makes 10.4 s of it.
#[test]
fn a_late_write_starts_the_second_clock_afresh() {
    let forecast = forecast(user_timeout(keepalive(2, 1, 5), 5_000), &kernel(|_| {}));
    let sum = |a: Notice, b: Notice| a.latest().zip(b.latest()).map(|(a, b)| a + b);
    let late = forecast.late_write.worst.latest();
    assert!(
        late > Some(seconds(10.4)) && late <= sum(forecast.idle.worst, forecast.in_flight.worst)
    );
}

#[test]
fn a_closed_window_of_a_dead_peer_is_bounded_by_retries2() {
    for (retries2, measured) in [(3, 4.2), (5, 19.8), (15, 1150.0)] {
        let kernel = kernel(|sysctls| sysctls.retries2 = retries2);
        let worst = forecast(SocketOptions::default(), &kernel)
            .zero_window
            .worst;
        assert!(
            worst.latest() >= Some(seconds(measured)),
            "{retries2}: {worst:?}"
        );
        // Seen from the moment the window closed, with no probe sent yet.
        let mut snapshot = loopback(TcpState::Established);
        snapshot.unsent = true;
        snapshot.zero_window = Some(true);
        let options = Effective::untouched(&kernel.sysctls);
        let now = Forecast::of(&options, &snapshot, &kernel).zero_window.now;
        assert!(now.and_then(Notice::latest) <= worst.latest());
    }
}

#[test]
fn a_user_timeout_kills_a_slow_reader() {
    for ms in [2_000, 4_000, 30_000] {
        let forecast = forecast(user_timeout(SocketOptions::default(), ms), &kernel(|_| {}));
        contains(forecast.slow_reader, f64::from(ms) / 1000.0 + 0.25);
    }
}

/// Probes that follow each other within half a second are not answered.
#[test]
fn few_retries_kill_a_slow_reader() {
    let plain = SocketOptions::default();
    let with_retries2 = |retries2| forecast(plain, &kernel(|sysctls| sysctls.retries2 = retries2));
    contains(with_retries2(0).slow_reader, 0.22);
    contains(with_retries2(1).slow_reader, 1.1);
    assert_eq!(with_retries2(2).slow_reader, Notice::Never);
    // After close().
    for (orphan_retries, retries2, measured) in
        [(1, 15, 1.55), (1, 1, 1.15), (1, 0, 0.68), (2, 0, 0.9)]
    {
        let kernel = kernel(|sysctls| {
            (sysctls.orphan_retries, sysctls.retries2) = (orphan_retries, retries2);
        });
        contains(forecast(plain, &kernel).after_close.slow_reader, measured);
    }
}

/// BBR at 40 % loss had stamped what it sent again with a moment two minutes ahead.
#[test]
fn a_clock_that_starts_in_two_minutes_ends_that_much_later() {
    let kernel = kernel(|_| {});
    let options = user_timeout(SocketOptions::default(), 30_000).resolve(&kernel.sysctls);
    let mut paced = loopback(TcpState::Established);
    (paced.in_flight, paced.retransmits, paced.backoff) = (true, 2, 2);
    paced.rto = Some(Duration::from_millis(816));
    paced.clock_starts_in = Some(seconds(120.0));
    let told = Forecast::of(&options, &paced, &kernel).in_flight.now;
    let Some(Notice::Within(span)) = told else {
        panic!("{told:?}")
    };
    assert!(
        seconds(149.9) <= span.earliest && span.latest < seconds(153.0),
        "{span:?}"
    );
}

#[test]
fn connecting() {
    let with_syncnt = |n| SocketOptions {
        syncnt: Some(n),
        ..SocketOptions::default()
    };
    let modern = kernel(|_| {});
    for (syncnt, measured) in [(1, 3.1), (2, 7.1), (3, 19.5), (4, 35.7)] {
        contains(
            forecast(with_syncnt(syncnt), &modern).connecting.worst,
            measured,
        );
    }
    let unlinear = kernel(|sysctls| sysctls.syn_linear_timeouts = Some(0));
    for (syncnt, linear, plain) in [
        (1, 3.0, 3.0),
        (2, 7.0, 7.0),
        (3, 19.0, 15.0),
        (6, 131.0, 127.0),
    ] {
        is_about(
            forecast(with_syncnt(syncnt), &modern).connecting.worst,
            linear,
        );
        is_about(
            forecast(with_syncnt(syncnt), &unlinear).connecting.worst,
            plain,
        );
    }
    contains(
        forecast(user_timeout(SocketOptions::default(), 500), &modern)
            .connecting
            .worst,
        1.02,
    );
    is_about(
        forecast(user_timeout(SocketOptions::default(), 5_000), &modern)
            .connecting
            .worst,
        5.0,
    );
}

#[test]
fn after_our_fin() {
    let kernel = kernel(|_| {});
    let options = Effective::untouched(&kernel.sysctls);
    // An orphan's FIN goes unacknowledged: 8 retries.
    let mut closed = loopback(TcpState::FinWait1);
    closed.orphan = true;
    closed.in_flight = true;
    contains(
        Forecast::of(&options, &closed, &kernel)
            .after_fin
            .now
            .unwrap(),
        106.0,
    );
    // FIN_WAIT2 with the descriptor kept: only keepalive ends it.
    let held = loopback(TcpState::FinWait2);
    assert_eq!(
        Forecast::of(&options, &held, &kernel).after_fin.now,
        Some(Notice::Never)
    );
    let mut orphan = held;
    orphan.orphan = true;
    contains(
        Forecast::of(&options, &orphan, &kernel)
            .after_fin
            .now
            .unwrap(),
        60.5,
    );
}

/// What exceeds a minute is waited for twice: tcp_fin_timeout 61 gives 2 s. The second time it is
/// 3.5 RTO at least.
#[test]
fn a_fin_timeout_beyond_a_minute_counts_twice_what_is_beyond() {
    let kernel = kernel(|sysctls| sysctls.fin_timeout_s = 61);
    let options = Effective::untouched(&kernel.sysctls);
    let mut orphan = loopback(TcpState::FinWait2);
    orphan.orphan = true;
    orphan.armed = Some(Armed {
        timer: Timer::Keepalive,
        expires_in: Duration::from_secs(1),
        level: None,
    });
    for (rto_ms, ends) in [(204, 2.04), (304, 2.095), (752, 3.82), (1_952, 8.01)] {
        orphan.rto = Some(Duration::from_millis(rto_ms));
        contains(
            Forecast::of(&options, &orphan, &kernel)
                .after_fin
                .now
                .unwrap(),
            ends,
        );
    }
}

/// The defaults that others ship, idle and busy, in seconds.
#[test]
fn what_others_ship() {
    let kernel = kernel(|_| {});
    let linux = forecast(keepalive(7200, 75, 9), &kernel);
    is_about(linux.idle.worst, 7875.0);
    contains(linux.in_flight.worst, 938.0);
    let go = forecast(keepalive(15, 15, 9), &kernel);
    is_about(go.idle.worst, 150.0);
    let redis = forecast(keepalive(300, 100, 3), &kernel);
    is_about(redis.idle.worst, 600.0);
    assert_eq!(redis.packets_per_idle_hour, 24.0);
}

#[test]
fn an_unknown_clock_rate_widens_the_forecast() {
    let known = forecast(keepalive(300, 10, 3), &kernel(|_| {})).idle.worst;
    let unknown = forecast(keepalive(300, 10, 3), &Kernel::modern(None))
        .idle
        .worst;
    let (Notice::Within(known), Notice::Within(unknown)) = (known, unknown) else {
        panic!("keepalive is on");
    };
    assert!(unknown.earliest <= known.earliest && unknown.latest >= known.latest);
}
