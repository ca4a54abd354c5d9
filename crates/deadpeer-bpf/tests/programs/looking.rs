//! What the iterator shows agrees with what the sockets say themselves.

use std::io::Write as _;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::{Duration, Instant};

use deadpeer_bpf::{Engine, Holding, Socket};
use deadpeer_core::{TcpInfo, TcpState};
use deadpeer_sys::testing::{pace, skip};
use deadpeer_sys::{netns, sockopt, sysctl};

use crate::sockets::{Pair, all, between, connecting, cookie, unaccepted, wait_for, with_cookie};
use crate::with_engine;

/// Looks a socket up and compares everything that it can tell itself.
fn assert_agrees(engine: &Engine, of: impl AsFd, state: TcpState) -> Socket {
    let seen = with_cookie(engine, cookie(&of)).expect("the iterator shows it");
    let sysctls = sysctl::read().unwrap();
    let mut told = sockopt::effective_among(&of, &sysctls).unwrap();
    let mut shown = seen.options.expect("options").resolve(&sysctls);
    // getsockopt() answers with the sysctl where nothing is set.
    shown.syncnt = shown.syncnt.or(Some(sysctls.syn_retries));
    told.syncnt = Some(sockopt::syncnt(&of).unwrap());
    assert_eq!(shown, told);
    assert_eq!(seen.state, state);
    let link = std::fs::read_link(format!("/proc/self/fd/{}", of.as_fd().as_raw_fd())).unwrap();
    let Holding::File(inode) = seen.holding else {
        panic!("a descriptor has it, not {:?}", seen.holding);
    };
    assert_eq!(link.to_str().unwrap(), format!("socket:[{inode}]"));
    let here = netns::inode(netns::open_current().unwrap()).unwrap();
    assert_eq!(u64::from(seen.namespace), here);
    assert_eq!((seen.uid, seen.multipath), (0, false));
    if state == TcpState::Established {
        assert_counts_agree(&seen, &deadpeer_sys::tcp_info(&of).unwrap());
    }
    seen
}

fn assert_counts_agree(seen: &Socket, told: &TcpInfo) {
    let us = |time: Option<Duration>| time.map(|time| time.as_micros() as u32);
    let moment = &seen.moment;
    assert_eq!(
        (us(moment.rto), us(moment.srtt)),
        (told.rto_us, told.rtt_us)
    );
    assert_eq!(moment.zero_window, Some(told.snd_wnd == Some(0)));
    assert_eq!(Some(moment.backoff), told.backoff.map(u32::from));
    let in_flight = told.unacked.filter(|segments| *segments > 0);
    assert_eq!(moment.segments_in_flight, in_flight);
    assert_eq!(moment.initial_slow_start, Some(told.snd_ssthresh.is_none()));
}

/// Whether two moments of the past are the same, but for the time between two looks.
fn is_about(seen: Option<Duration>, told: Duration) -> bool {
    seen.is_some_and(|seen| seen.abs_diff(told) <= Duration::from_millis(500))
}

#[test]
fn the_clocks_of_data_in_flight() {
    with_engine(|engine| {
        let mut pair = Pair::connect("127.0.0.1:0");
        sockopt::set_thin_linear_timeouts(&pair.called, true).unwrap();
        let caller = cookie(&pair.caller);
        let seen = with_cookie(engine, caller).unwrap();
        assert_eq!(
            (
                seen.moment.clock_started_ago,
                seen.moment.tail_loss_probe_sent
            ),
            (None, None)
        );
        assert!(!seen.thin_linear_timeouts);
        assert!(
            with_cookie(engine, cookie(&pair.called))
                .unwrap()
                .thin_linear_timeouts
        );

        sockopt::mute(&pair.called).unwrap();
        pair.caller.write_all(b"lost").unwrap();
        let seen = with_cookie(engine, caller).unwrap();
        assert_eq!(seen.moment.segments_in_flight, Some(1));
        assert!(is_about(seen.moment.sent_ago, Duration::ZERO));
        let end = Instant::now() + Duration::from_secs(30);
        let seen = loop {
            let seen = with_cookie(engine, caller).unwrap();
            if seen.moment.retransmits >= 2 {
                break seen;
            }
            assert!(Instant::now() < end, "{seen:?}");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(seen.moment.tail_loss_probe_sent, Some(true));
        let told = deadpeer_sys::tcp_info(&pair.caller).unwrap();
        // It counts the time since the first timeout of all runs: here there is one.
        if let Some(ms) = told.total_rto_time_ms {
            let in_run = Duration::from_millis(ms.into());
            assert!(
                is_about(seen.moment.clock_started_ago, in_run),
                "{seen:?} {in_run:?}"
            );
        }
        assert!(seen.moment.armed.unwrap().level.is_some());
    });
}

/// 1,000 bytes at 500 a second: half of that counts after a pause, and what may follow is two
/// segments and a probe.
#[test]
fn a_sender_that_paces_itself_is_ahead() {
    with_engine(|engine| {
        let mut pair = Pair::connect("127.0.0.1:0");
        let caller = cookie(&pair.caller);
        pair.caller.set_nodelay(true).unwrap();
        // The first ten segments are not paced (net/ipv4/tcp_output.c,
        // `tcp_update_skb_after_send`).
        for _ in 0..12 {
            pair.caller.write_all(b"x").unwrap();
        }
        assert_eq!(
            with_cookie(engine, caller).unwrap().moment.stamped_ahead,
            None
        );
        pace(&pair.caller, 500).unwrap();
        sockopt::mute(&pair.called).unwrap();
        pair.caller.write_all(&[b'x'; 1_000]).unwrap();
        let seen = with_cookie(engine, caller).unwrap();
        assert!(
            seen.moment.stamped_ahead > Some(Duration::from_secs(3)),
            "{seen:?}"
        );
    });
}

/// Keepalive of an hour waits in a level of the wheel whose slots are far apart.
#[test]
fn the_level_of_a_timer_follows_from_its_wait() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        sockopt::set_keepalive(&pair.caller, true).unwrap();
        let level = |seconds| {
            sockopt::set_keepidle_s(&pair.caller, seconds).unwrap();
            let timer = with_cookie(engine, cookie(&pair.caller)).unwrap().timer;
            timer.expect("keepalive runs").level
        };
        let hz = u64::from(deadpeer_sys::clock::hz().unwrap());
        // Of so many jiffies, by kernel/time/timer.c: the lowest level that reaches as far.
        let expected = |seconds: u64| (0..9).find(|level| seconds * hz < 63 << (3 * level));
        for seconds in [2, 1_000, 30_000] {
            assert_eq!(Some(level(seconds)), expected(seconds.into()));
        }
    });
}

#[test]
fn the_clock_of_a_closed_window() {
    with_engine(|engine| {
        let mut pair = Pair::connect("127.0.0.1:0");
        pair.caller.set_nonblocking(true).unwrap();
        let caller = cookie(&pair.caller);
        let end = Instant::now() + Duration::from_secs(30);
        let probed = loop {
            while pair.caller.write(&[0; 65_536]).is_ok() {}
            let seen = with_cookie(engine, caller).unwrap();
            if seen.moment.probes_out > 0 || seen.moment.backoff > 0 {
                break seen;
            }
            assert!(Instant::now() < end, "{seen:?}");
            std::thread::sleep(Duration::from_millis(20));
        };
        // Linux 5.10 got it with a later patch only.
        let Some(since) = probed.moment.window_probed_ago else {
            return skip("this kernel has no icsk_probes_tstamp");
        };
        assert!(since < Duration::from_secs(30), "{since:?}");
    });
}

#[test]
fn connections_and_listeners() {
    with_engine(|engine| {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let pair = Pair::connect(address);
            sockopt::set_keepalive(&pair.caller, true).unwrap();
            sockopt::set_keepidle_s(&pair.caller, 30).unwrap();
            sockopt::set_keepintvl_s(&pair.caller, 7).unwrap();
            sockopt::set_keepcnt(&pair.caller, 3).unwrap();
            sockopt::set_user_timeout_ms(&pair.caller, Some(12_345)).unwrap();
            sockopt::set_syncnt(&pair.caller, 2).unwrap();
            let caller = assert_agrees(engine, &pair.caller, TcpState::Established);
            assert_eq!(caller.local, pair.caller.local_addr().unwrap());
            assert_eq!(caller.peer, pair.caller.peer_addr().unwrap());
            assert_eq!((caller.received, caller.queued), (0, 0));
            let called = assert_agrees(engine, &pair.called, TcpState::Established);
            assert_eq!((called.local, called.peer), (caller.peer, caller.local));
            let listener = assert_agrees(engine, &pair.listener, TcpState::Listen);
            assert_eq!(listener.peer.port(), 0);
            assert_eq!(listener.received, 0);
        }
    });
}

#[test]
fn every_state_with_options() {
    with_engine(|engine| {
        let pair = Pair::half_closed(engine);
        assert_agrees(engine, &pair.caller, TcpState::FinWait2);
        assert_agrees(engine, &pair.called, TcpState::CloseWait);
        assert_agrees(engine, connecting(), TcpState::SynSent);
    });
}

#[test]
fn who_waits_to_be_accepted_is_seen() {
    with_engine(|engine| {
        let (listener, caller) = unaccepted();
        let called = between(
            engine,
            caller.peer_addr().unwrap(),
            caller.local_addr().unwrap(),
        );
        let called = called.expect("the end nobody has accepted");
        assert_eq!(called.holding, Holding::AcceptQueue);
        assert!(called.options.is_some());
        let listener = with_cookie(engine, cookie(&listener)).unwrap();
        assert_eq!(listener.received, 1);
    });
}

#[test]
fn what_is_closed_has_no_holder() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        let caller = cookie(&pair.caller);
        let ends = (pair.caller.local_addr(), pair.caller.peer_addr());
        drop(pair.caller);
        let orphan = wait_for(engine, caller, TcpState::FinWait2);
        assert_eq!(orphan.holding, Holding::Closed);
        pair.called.shutdown(Shutdown::Both).unwrap();
        let waiting = between(engine, ends.0.unwrap(), ends.1.unwrap()).expect("in TIME_WAIT");
        assert_eq!(waiting.state, TcpState::TimeWait);
        assert_eq!((waiting.options, waiting.holding), (None, Holding::Closed));
    });
}

#[test]
fn nothing_of_other_namespaces_is_shown() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        let elsewhere = netns::private(|| {
            let _other = Pair::connect("127.0.0.1:0");
            all(engine).len()
        });
        assert_eq!(elsewhere, Ok(3));
        assert_eq!(all(engine).len(), 3);
        drop(pair);
    });
}
