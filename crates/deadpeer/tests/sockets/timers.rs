//! The order of setting, seen in the keepalive timer that the kernel arms.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

use deadpeer::{Apply, SocketOptions};
use deadpeer_sys::sock_diag::{Request, SockDiag, States, TimerKind};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::pair;

#[test]
fn silence_that_has_passed_counts() {
    in_private_netns(|| {
        let (client, _server) = pair("127.0.0.1");
        until("a second of silence", || silence_ms(&client) >= 1_000);
        assert_eq!(armed_ms(&client), None);

        let before = silence_ms(&client);
        keepalive(20, 2).apply(&client).unwrap();
        let armed = armed_ms(&client).unwrap();
        let after = silence_ms(&client);
        let jiffies = 20;
        assert!(
            armed <= 20_000 - before + jiffies,
            "{armed} ms after {before} ms"
        );
        assert!(
            armed + jiffies >= 20_000 - after,
            "{armed} ms after {after} ms"
        );
    });
}

/// docs/plan.md says so: the window opens again and again, and the kernel's clock goes on.
#[test]
fn a_user_timeout_ends_a_peer_that_reads_all_the_time() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 8_192).unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut reader, _) = listener.accept().unwrap();
        sockopt::set_user_timeout_ms(&sender, Some(1_500)).unwrap();
        sender.set_nonblocking(true).unwrap();
        reader.set_nonblocking(true).unwrap();
        let (mut buffer, mut reads, begun) = (vec![0; 65_536], 0, Instant::now());
        let error = loop {
            match sender.write(&[b'x'; 65_536]) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => break error,
                Ok(_) | Err(_) => {}
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it lives");
            sleep(Duration::from_millis(400));
            while reader.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {
                reads += 1;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(reads >= 3, "{reads}");
    });
}

#[test]
fn a_timer_that_runs_is_armed_anew() {
    in_private_netns(|| {
        let (client, _server) = pair("::1");
        sockopt::set_keepalive(&client, true).unwrap();
        sockopt::set_keepidle_s(&client, 7_200).unwrap();
        assert!(armed_ms(&client).unwrap() > 7_000_000);
        keepalive(20, 2).apply(&client).unwrap();
        assert!(armed_ms(&client).unwrap() <= 20_000);
    });
}

#[test]
fn a_probe_that_is_due_at_once_finds_everything_in_place() {
    in_private_netns(|| {
        let (client, server) = pair("127.0.0.1");
        until("a second of silence", || silence_ms(&client) > 1_100);
        sockopt::mute(&server).unwrap();
        keepalive(1, 9).apply(&client).unwrap();
        until("the first probe", || {
            deadpeer::inspect(&client).unwrap().probes == Some(1)
        });
        let next = armed_ms(&client).unwrap();
        assert!((5_000..=9_000).contains(&next), "next probe in {next} ms");
    });
}

#[test]
fn switched_off_the_timer_is_gone() {
    in_private_netns(|| {
        let (client, _server) = pair("::1");
        let mut options = keepalive(20, 2);
        options.apply(&client).unwrap();
        assert!(armed_ms(&client).is_some());
        options.keepalive = Some(false);
        options.apply(&client).unwrap();
        assert_eq!(armed_ms(&client), None);
    });
}

fn keepalive(idle_s: u32, interval_s: u32) -> SocketOptions {
    SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(idle_s),
        keepintvl_s: Some(interval_s),
        ..SocketOptions::default()
    }
}

/// How long nothing has been heard, as keepalive counts it (include/net/tcp.h,
/// `keepalive_time_elapsed`).
fn silence_ms(socket: &TcpStream) -> u32 {
    let info = deadpeer::inspect(socket).unwrap();
    let (data, ack) = (info.last_data_recv_ms, info.last_ack_recv_ms);
    data.unwrap().min(ack.unwrap())
}

/// Milliseconds until the keepalive timer of this socket fires; `None` if it does not run.
fn armed_ms(socket: &TcpStream) -> Option<u32> {
    let cookie = sockopt::cookie(socket).unwrap();
    let request = Request {
        states: States::LIVE,
        tcp_info: false,
    };
    let mut timer = None;
    SockDiag::open()
        .unwrap()
        .dump(request, |found| {
            if found.cookie == cookie {
                timer = found.timer;
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    timer
        .filter(|timer| timer.kind == TimerKind::Keepalive)
        .map(|timer| timer.expires_in_ms)
}

/// Asks again and again, for ten seconds at most.
fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        sleep(Duration::from_millis(1));
    }
}
