//! Waiting for one end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use deadpeer::{Cause, Ending, HalfClose, TcpState, WatchError};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::scenes::{abort, pair, state};
use crate::until;

const LONG: Option<Duration> = Some(Duration::from_secs(10));
const SHORT: Option<Duration> = Some(Duration::from_millis(30));

#[test]
fn an_end_wakes_the_waiter() {
    in_private_netns(|| {
        let (socket, peer) = pair();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| deadpeer::died(&socket, LONG).unwrap());
            until("the waiter's sleep", || !waiter.is_finished());
            drop(peer);
            let death = waiter.join().unwrap().unwrap();
            assert_eq!(death.ending, Ending::Certain(Cause::PeerClosed));
            assert_eq!(death.evidence.state, Some(TcpState::CloseWait));
        });
    });
}

#[test]
fn data_wakes_nobody_and_stays() {
    in_private_netns(|| {
        let (mut socket, mut peer) = pair();
        peer.write_all(b"all of it").unwrap();
        let start = Instant::now();
        assert_eq!(deadpeer::died(&socket, SHORT), Ok(None));
        assert!(start.elapsed() >= SHORT.unwrap());
        abort(peer);
        let death = deadpeer::died(&socket, LONG).unwrap().unwrap();
        assert_eq!(death.ending, Ending::Likely(Cause::Reset));
        // First the data, then the error, then the end.
        let mut buffer = [0; 16];
        assert_eq!(socket.read(&mut buffer).unwrap(), 9);
        let error = socket.read(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(socket.read(&mut buffer).unwrap(), 0);
    });
}

#[test]
fn a_half_close_may_be_no_end() {
    in_private_netns(|| {
        let (socket, peer) = pair();
        peer.shutdown(Shutdown::Write).unwrap();
        until("the FIN", || state(&socket) == Some(TcpState::CloseWait));
        let lives = HalfClose::Lives;
        assert_eq!(deadpeer::died_with(&socket, lives, SHORT), Ok(None));
        abort(peer);
        let death = deadpeer::died_with(&socket, lives, LONG).unwrap().unwrap();
        assert_eq!(death.evidence.state, Some(TcpState::Close));
    });
}

#[test]
fn a_reset_after_the_fin_is_told_apart_by_who_saw_both() {
    in_private_netns(|| {
        let (socket, peer) = pair();
        peer.shutdown(Shutdown::Write).unwrap();
        until("the FIN", || state(&socket) == Some(TcpState::CloseWait));
        thread::scope(|scope| {
            let wait = || deadpeer::died_with(&socket, HalfClose::Lives, LONG);
            let waiter = scope.spawn(wait);
            thread::sleep(Duration::from_millis(20));
            abort(peer);
            let death = waiter.join().unwrap().unwrap().unwrap();
            assert_eq!(death.ending, Ending::Likely(Cause::ResetAfterFin));
            let cause = deadpeer::take_error(&socket).unwrap();
            assert_eq!(cause, Some(Cause::ResetAfterFin));
        });
    });
}

#[test]
fn own_shutdowns_are_no_death_and_hide_none() {
    in_private_netns(|| {
        for how in [Shutdown::Read, Shutdown::Both] {
            let (socket, peer) = pair();
            socket.shutdown(how).unwrap();
            assert_eq!(deadpeer::died(&socket, SHORT), Ok(None), "{how:?}");
            drop(peer);
            assert!(deadpeer::died(&socket, LONG).unwrap().is_some(), "{how:?}");
        }
        // The same with the shutdown in the middle of the waiting.
        let (socket, peer) = pair();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| deadpeer::died(&socket, LONG).unwrap());
            thread::sleep(Duration::from_millis(20));
            socket.shutdown(Shutdown::Read).unwrap();
            thread::sleep(Duration::from_millis(20));
            assert!(!waiter.is_finished());
            drop(peer);
            assert!(waiter.join().unwrap().is_some());
        });
    });
}

#[test]
fn a_reset_that_answers_a_probe_is_no_timeout() {
    in_private_netns(|| {
        let (socket, peer) = pair();
        sockopt::set_keepalive(&socket, true).unwrap();
        sockopt::set_keepintvl_s(&socket, 1).unwrap();
        sockopt::set_keepcnt(&socket, 5).unwrap();
        sockopt::set_keepidle_s(&socket, 1).unwrap();
        sockopt::mute(&peer).unwrap();
        until("a probe without an answer", || {
            deadpeer::inspect(&socket).unwrap().probes == Some(1)
        });
        abort(peer);
        let death = deadpeer::died(&socket, LONG).unwrap().unwrap();
        assert_eq!(death.evidence.unanswered_probes, Some(1));
        assert_eq!(death.ending, Ending::Likely(Cause::Reset));
        assert_eq!(deadpeer::take_error(&socket), Ok(Some(Cause::Reset)));
    });
}

#[test]
fn taking_the_error_leaves_a_clean_end() {
    in_private_netns(|| {
        let (mut socket, peer) = pair();
        assert_eq!(deadpeer::take_error(&socket), Ok(None));
        abort(peer);
        assert!(deadpeer::died(&socket, LONG).unwrap().is_some());
        assert_eq!(deadpeer::take_error(&socket), Ok(Some(Cause::Reset)));
        assert_eq!(socket.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(deadpeer::take_error(&socket), Ok(Some(Cause::Closed)));
    });
}

#[test]
fn what_is_no_connection() {
    in_private_netns(|| {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(deadpeer::died(&udp, SHORT), Err(WatchError::NotTcp));
        assert_eq!(deadpeer::take_error(&udp), Err(WatchError::NotTcp));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(deadpeer::died(&listener, SHORT), Ok(None));
        let fresh = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let fresh = fresh.unwrap();
        assert_eq!(deadpeer::died(&fresh, SHORT), Ok(None));
        assert_eq!(deadpeer::take_error(&fresh), Ok(None));
    });
}
