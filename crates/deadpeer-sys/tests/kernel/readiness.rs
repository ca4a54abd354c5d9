//! Signs, alarms, and sockets that are remembered by number.

use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use deadpeer_core::{Cause, TcpState};
use deadpeer_sys::readiness::{Epoll, Happened, Signs, signs};
use deadpeer_sys::testing::in_private_netns;
use deadpeer_sys::{Alarm, Remembered, clock, sockopt};
use rustix::io::{Errno, dup2};

use crate::pair;

const LONG: Option<Duration> = Some(Duration::from_secs(10));
const NOT_AT_ALL: Option<Duration> = Some(Duration::ZERO);

#[test]
fn signs_come_with_the_end_and_stay() {
    in_private_netns(|| {
        let (socket, peer) = pair("127.0.0.1");
        let epoll = Epoll::new().unwrap();
        epoll.watch_end(&socket, 7).unwrap();
        let mut happened = Happened::with_room_for(4);
        epoll.wait(&mut happened, NOT_AT_ALL).unwrap();
        assert_eq!(happened.iter().len(), 0);
        assert!(signs(&socket).unwrap().is_empty());

        (&peer).write_all(b"data wakes nobody").unwrap();
        drop(peer);
        epoll.wait(&mut happened, LONG).unwrap();
        let fin = Signs {
            read_hangup: true,
            ..Signs::default()
        };
        assert_eq!(happened.iter().collect::<Vec<_>>(), [(7, fin)]);
        assert_eq!(signs(&socket), Ok(fin));
        // Edge-triggered: told once.
        epoll.wait(&mut happened, NOT_AT_ALL).unwrap();
        assert_eq!(happened.iter().len(), 0);
    });
}

#[test]
fn a_descriptor_can_be_forgotten_and_take_a_new_key() {
    in_private_netns(|| {
        let (socket, peer) = pair("::1");
        let epoll = Epoll::new().unwrap();
        epoll.watch_end(&socket, 1).unwrap();
        epoll.watch_end(&socket, 2).unwrap();
        drop(peer);
        let mut happened = Happened::with_room_for(4);
        epoll.wait(&mut happened, LONG).unwrap();
        assert_eq!(happened.iter().next().map(|(key, _)| key), Some(2));

        epoll.forget(socket.as_raw_fd());
        epoll.forget(-1);
        epoll.watch_end(&socket, 3).unwrap();
        epoll.wait(&mut happened, NOT_AT_ALL).unwrap();
        assert_eq!(happened.iter().next().map(|(key, _)| key), Some(3));
    });
}

#[test]
fn an_alarm_rings_at_its_time_and_not_before() {
    let (alarm, epoll) = (Alarm::new().unwrap(), Epoll::new().unwrap());
    epoll.watch_readable(&alarm, 1).unwrap();
    let mut happened = Happened::with_room_for(1);
    let mut rings = |within| {
        epoll.wait(&mut happened, within).unwrap();
        happened.iter().len() > 0
    };
    assert!(!rings(NOT_AT_ALL));
    let (start, wait) = (Instant::now(), Duration::from_millis(20));
    alarm.set(Some(clock::monotonic() + wait)).unwrap();
    assert!(rings(LONG) && start.elapsed() >= wait);

    alarm.set(Some(Duration::ZERO)).unwrap();
    assert!(rings(LONG), "a time that has passed");
    alarm.set(Some(clock::monotonic() + wait)).unwrap();
    alarm.set(None).unwrap();
    assert!(!rings(Some(2 * wait)), "switched off");
}

#[test]
fn a_remembered_socket_answers_as_long_as_it_is_there() {
    in_private_netns(|| {
        let (socket, _peer) = pair("127.0.0.1");
        sockopt::set_keepcnt(&socket, 33).unwrap();
        sockopt::set_user_timeout_ms(&socket, Some(4_000)).unwrap();
        let remembered = Remembered::of(&socket).unwrap();
        assert_eq!(remembered.number(), socket.as_raw_fd());
        let info = remembered.tcp_info().unwrap().unwrap();
        assert_eq!(info.state, Some(TcpState::Established));
        assert_eq!(remembered.keepcnt(), Ok(Some(33)));
        assert_eq!(remembered.user_timeout_ms(), Ok(Some(Some(4_000))));

        // Another socket takes the number.
        let (other, _other_peer) = pair("127.0.0.1");
        let mut place = OwnedFd::from(socket);
        dup2(other.as_fd(), &mut place).unwrap();
        assert!(!remembered.is_there());
        assert_eq!(remembered.tcp_info(), Ok(None));
        assert_eq!(remembered.keepcnt(), Ok(None));
        // A file does, then nothing.
        dup2(std::fs::File::open("/dev/null").unwrap(), &mut place).unwrap();
        assert_eq!(remembered.tcp_info(), Ok(None));
    });
}

#[test]
fn an_error_is_taken_once() {
    in_private_netns(|| {
        let (socket, peer) = pair("127.0.0.1");
        (&socket).write_all(b"unread").unwrap();
        // Closing before it is read sends RST.
        while peer.peek(&mut [0; 8]).unwrap() < 6 {}
        drop(peer);
        let epoll = Epoll::new().unwrap();
        epoll.watch_end(&socket, 0).unwrap();
        epoll.wait(&mut Happened::with_room_for(1), LONG).unwrap();
        assert!(signs(&socket).unwrap().error);
        let taken = sockopt::take_error(&socket).unwrap().unwrap();
        assert_eq!(taken, Errno::CONNRESET);
        let cause = Cause::from_errno(taken.raw_os_error(), None);
        assert_eq!(cause, Some(Cause::Reset));
        assert_eq!(sockopt::take_error(&socket), Ok(None));
        assert!(!signs(&socket).unwrap().error);
    });
}
