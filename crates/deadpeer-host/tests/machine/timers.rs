//! The timer that the kernel has armed, and what the moment looks like to a forecast.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use deadpeer_core::{Silence, TcpState};
use deadpeer_host::TimerKind;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::{bare, connection, read, row_of, wait_for, wait_for_ends};

#[test]
fn keepalive() {
    in_private_netns(|| {
        let (_listener, calling, _called) = connection("127.0.0.1");
        sockopt::set_keepalive(&calling, true).unwrap();
        sockopt::set_keepidle_s(&calling, 600).unwrap();
        let row = row_of(&read(&bare()).0, &calling);
        let timer = row.timer.unwrap();
        assert_eq!((timer.kind, timer.unanswered), (TimerKind::Keepalive, 0));
        assert!(
            (590_000..=600_000).contains(&timer.expires_in_ms),
            "{timer:?}"
        );
        assert_eq!(row.snapshot.silence(), Some(Silence::Idle));
        let armed = row.snapshot.armed.unwrap();
        assert_eq!(
            armed.expires_in,
            Duration::from_millis(timer.expires_in_ms.into())
        );
    });
}

#[test]
fn data_in_flight_to_a_peer_that_vanished() {
    in_private_netns(|| {
        let (_listener, mut calling, called) = connection("127.0.0.1");
        sockopt::mute(&called).unwrap();
        calling.write_all(&[0; 100]).unwrap();
        let row = wait_for(&calling, |row| {
            row.timer.is_some_and(|timer| timer.unanswered > 0)
        });
        assert_eq!(row.timer.unwrap().kind, TimerKind::Retransmit);
        assert_eq!(row.wqueue, 100);
        assert_eq!(row.snapshot.silence(), Some(Silence::InFlight));
        assert!(row.snapshot.retransmits > 0);
    });
}

#[test]
fn a_peer_that_does_not_read() {
    in_private_netns(|| {
        let (_listener, mut calling, _called) = connection("127.0.0.1");
        calling.set_nonblocking(true).unwrap();
        let full = loop {
            if let Err(error) = calling.write(&[0; 65_536]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let probing = |kind| kind == TimerKind::ZeroWindowProbe;
        let row = wait_for(&calling, |row| {
            row.timer.is_some_and(|timer| probing(timer.kind))
        });
        assert!(row.wqueue > 0);
        assert_eq!(row.snapshot.silence(), Some(Silence::ZeroWindow));
    });
}

#[test]
fn a_closed_connection_that_waits() {
    in_private_netns(|| {
        let (_listener, calling, called) = connection("127.0.0.1");
        let ends = (calling.local_addr().unwrap(), calling.peer_addr().unwrap());
        drop(calling);
        // The FIN is acknowledged late, with the next data or after some 40 ms.
        let orphan = wait_for_ends(ends, |row| row.state == TcpState::FinWait2);
        assert_eq!(row_of(&read(&bare()).0, &called).state, TcpState::CloseWait);
        assert!(orphan.snapshot.orphan);
        assert_eq!(orphan.snapshot.silence(), Some(Silence::AfterFin));
    });
}
