//! Connections whose verdict is made here.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use deadpeer::{Cause, News, Slip, Supervision, TcpState, Verdict, Watch};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, pace};

use crate::{pair, readable, soon, told, until};

const DEADLINE: Duration = Duration::from_secs(12);

#[test]
fn vanished_peers_are_noticed_and_living_ones_left_alone() {
    in_private_netns(|| {
        let mut watch = Watch::supervised(Supervision::within(DEADLINE)).unwrap();
        let (idle, idle_peer) = pair();
        let (mut writing, writing_peer) = pair();
        let (living, _living_peer) = pair();
        for (key, socket) in [(1, &idle), (2, &writing), (3, &living)] {
            watch.add(socket, key).unwrap();
        }
        let vanished = Instant::now();
        sockopt::mute(&idle_peer).unwrap();
        sockopt::mute(&writing_peer).unwrap();
        writing.write_all(b"lost").unwrap();

        // Before Linux 6.15 nothing holds retransmissions together: the ninth goes out after 102 s.
        let asks_in_time = deadpeer::running_kernel().unwrap().rto_max_option;
        let latest = match asks_in_time {
            true => DEADLINE,
            false => Duration::from_secs(130),
        };
        let mut noticed = Vec::new();
        while noticed.len() < 2 {
            let bound = if noticed.is_empty() { DEADLINE } else { latest };
            let left = (bound + Duration::from_secs(1)).saturating_sub(vanished.elapsed());
            let events = told(&mut watch, left);
            assert!(!events.is_empty(), "too late; noticed {noticed:?}");
            for event in events {
                let News::Judged(Verdict::Unreachable { unanswered, .. }) = event.news else {
                    panic!("{event:?}");
                };
                assert!(unanswered >= 4, "{event:?}");
                noticed.push(event.key);
            }
        }
        noticed.sort_unstable();
        assert_eq!(noticed, [1, 2]);
        assert!(matches!(
            watch.verdict(&living),
            Some(Verdict::Alive { .. })
        ));

        // Nothing was killed: who comes back is there again.
        sockopt::unmute(&idle_peer).unwrap();
        let [event] = soon(&mut watch)[..] else {
            panic!("one came back");
        };
        assert_eq!(event.key, 1);
        assert!(matches!(event.news, News::Judged(Verdict::Alive { .. })));
        drop(idle_peer);
        let [event] = soon(&mut watch)[..] else {
            panic!("one ended");
        };
        assert!(matches!(event.news, News::Died(death) if death.cause() == Cause::PeerClosed));
    });
}

/// A sender that paces itself stamps what it sends with a moment to come. The kernel reckons with
/// that and the user timeout in 32 bits, and one of more than half their range makes it give up at
/// the second retransmission.
#[test]
fn a_paced_sender_is_not_given_up_by_the_kernel() {
    in_private_netns(|| {
        let mut watch = Watch::supervised(Supervision::within(DEADLINE)).unwrap();
        let (mut paced, peer) = pair();
        watch.add(&paced, 1).unwrap();
        pace(&paced, 2_000).unwrap();
        // The first ten segments are not paced (net/ipv4/tcp_output.c,
        // `tcp_update_skb_after_send`).
        paced.set_nodelay(true).unwrap();
        for _ in 0..12 {
            paced.write_all(b"x").unwrap();
        }
        sockopt::mute(&peer).unwrap();
        paced.write_all(&[b'x'; 4_000]).unwrap();

        until("the second retransmission goes unanswered", || {
            let info = deadpeer::inspect(&paced).unwrap();
            assert_ne!(info.state, Some(TcpState::Close));
            info.retransmits >= Some(2)
        });
    });
}

#[test]
fn supervising_sets_its_options_and_a_plain_watch_none() {
    in_private_netns(|| {
        let (socket, peer) = pair();
        let before = deadpeer::options(&peer).unwrap();
        Watch::new().unwrap().add(&peer, 1).unwrap();
        assert_eq!(deadpeer::options(&peer).unwrap(), before);

        let supervision = Supervision::within(DEADLINE);
        let mut watch = Watch::supervised(supervision).unwrap();
        watch.add(&socket, 1).unwrap();
        let kernel = deadpeer::running_kernel().unwrap();
        let wanted = supervision.options(&kernel).resolve(&kernel.sysctls);
        let held = deadpeer::options(&socket).unwrap();
        assert_eq!((held.keepalive, held.keepcnt), (true, wanted.keepcnt));
        assert_eq!(held.keepidle_s, wanted.keepidle_s);
    });
}

/// A connection that was heard is not looked at before its silence could have lasted the deadline:
/// nothing wakes.
#[test]
fn who_is_heard_costs_a_look_now_and_then() {
    in_private_netns(|| {
        let mut watch = Watch::supervised(Supervision::within(DEADLINE)).unwrap();
        let (socket, mut peer) = pair();
        watch.add(&socket, 1).unwrap();
        told(&mut watch, Duration::ZERO);
        let start = Instant::now();
        let mut looks = 0;
        while start.elapsed() < DEADLINE / 4 {
            peer.write_all(b"here").unwrap();
            if readable(&watch, Duration::from_millis(100)) {
                assert_eq!(told(&mut watch, Duration::ZERO), []);
                looks += 1;
            }
        }
        // However much is heard: each look is an eighth of its patience after the one before, at
        // the soonest.
        assert!(looks <= 3, "{looks} looks");
        assert!(
            matches!(watch.verdict(&socket), Some(Verdict::Alive { age }) if age < DEADLINE / 4)
        );
    });
}

#[test]
fn how_late_the_verdict_would_come_can_be_asked() {
    in_private_netns(|| {
        let mut watch = Watch::supervised(Supervision::within(DEADLINE)).unwrap();
        let (socket, peer) = pair();
        assert_eq!(watch.slip(&socket), None);
        watch.add(&socket, 1).unwrap();
        let slip = watch.slip(&socket).unwrap();
        assert_eq!(slip.late, Duration::ZERO);
        let foretold = Supervision::within(DEADLINE).sudden_loss(Slip::LOSS);
        assert_eq!(slip.sudden_loss, foretold);
        assert!(slip.to_string().contains("40 of 100 packets"), "{slip}");
        assert_eq!(slip.slow_reader_ended, None);
        assert!(watch.judge(&socket).unwrap().needed() >= 4);
        assert!(watch.judge(&peer).is_none());
    });
}

/// A supervised connection at work, looked at all the while: every byte arrives, and so does the
/// error at its end.
#[test]
fn no_byte_and_no_error_is_taken_from_the_application() {
    const PORTIONS: usize = 2_000;
    in_private_netns(|| {
        let mut watch = Watch::supervised(Supervision::within(Duration::from_secs(60))).unwrap();
        let (mut socket, mut peer) = pair();
        watch.add(&socket, 1).unwrap();
        let echo = std::thread::spawn(move || {
            let mut portion = [0; 1_000];
            for _ in 0..PORTIONS {
                peer.read_exact(&mut portion).unwrap();
                peer.write_all(&portion).unwrap();
            }
            peer
        });
        for number in 0..PORTIONS {
            let sent: Vec<u8> = (0..1_000).map(|at| (at * 7 + number) as u8).collect();
            socket.write_all(&sent).unwrap();
            assert!(told(&mut watch, Duration::ZERO).is_empty());
            watch.verdict(&socket).unwrap();
            let mut got = vec![0; sent.len()];
            socket.read_exact(&mut got).unwrap();
            assert_eq!(got, sent);
        }
        // What it sends last is queued when it resets the connection.
        let peer = echo.join().unwrap();
        (&peer).write_all(b"last").unwrap();
        socket.write_all(b"unread").unwrap();
        until("the last bytes are there", || {
            socket.peek(&mut [0; 8]).is_ok_and(|length| length == 4)
        });
        until("its own bytes have arrived", || {
            peer.peek(&mut [0; 8]).is_ok_and(|length| length == 6)
        });
        drop(peer);
        let [event] = soon(&mut watch)[..] else {
            panic!("one ended");
        };
        assert!(matches!(event.news, News::Died(death) if death.cause() == Cause::Reset));
        let mut last = [0; 8];
        assert_eq!(socket.read(&mut last).unwrap(), 4);
        assert_eq!(&last[..4], b"last");
        let error = socket.read(&mut last).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}
