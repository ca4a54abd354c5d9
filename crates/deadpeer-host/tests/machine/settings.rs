//! The options in force, read from sockets of this and of another process.

use std::net::TcpListener;

use deadpeer_core::{Effective, SocketOptions, Sysctls};
use deadpeer_host::audit::inheritance;
use deadpeer_host::{Query, Settings, Unreadable};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::{Holder, bare, connection, read, row_of};

/// What a fresh socket has in this namespace.
fn untouched() -> Effective {
    Effective::untouched(&deadpeer_sys::sysctl::read().unwrap())
}

fn with(set: impl FnOnce(&mut SocketOptions)) -> Settings {
    let mut options = SocketOptions::default();
    set(&mut options);
    let sysctls: Sysctls = deadpeer_sys::sysctl::read().unwrap();
    Settings::Known(options.resolve(&sysctls))
}

#[test]
fn every_value_that_was_set() {
    in_private_netns(|| {
        let (_listener, calling, called) = connection("127.0.0.1");
        sockopt::set_keepalive(&calling, true).unwrap();
        sockopt::set_keepidle_s(&calling, 61).unwrap();
        sockopt::set_keepintvl_s(&calling, 7).unwrap();
        sockopt::set_keepcnt(&calling, 5).unwrap();
        sockopt::set_user_timeout_ms(&calling, Some(96_000)).unwrap();
        let (rows, coverage) = read(&Query::default());
        let expected = with(|set| {
            set.keepalive = Some(true);
            set.keepidle_s = Some(61);
            set.keepintvl_s = Some(7);
            set.keepcnt = Some(5);
            set.user_timeout_ms = Some(96_000);
        });
        assert_eq!(row_of(&rows, &calling).settings, expected);
        assert_eq!(
            row_of(&rows, &called).settings,
            Settings::Known(untouched())
        );
        assert!(coverage.unread.is_empty());
    });
}

#[test]
fn the_sysctls_of_the_namespace_count() {
    in_private_netns(|| {
        deadpeer_sys::sysctl::write("tcp_keepalive_time", 1234).unwrap();
        let (_listener, calling, _called) = connection("127.0.0.1");
        sockopt::set_keepalive(&calling, true).unwrap();
        let (rows, _) = read(&Query::default());
        let settings = row_of(&rows, &calling).settings;
        assert_eq!(settings.effective().unwrap().keepidle_s, 1234);
    });
}

#[test]
fn a_socket_of_another_process() {
    in_private_netns(|| {
        let (_listener, calling, called) = connection("::1");
        sockopt::set_user_timeout_ms(&called, Some(1234)).unwrap();
        let holder = Holder::of(called);
        let (rows, _) = read(&Query::default());
        let row = rows
            .iter()
            .find(|row| row.local == calling.peer_addr().unwrap() && row.peer.port() != 0);
        let row = row.unwrap();
        // A child of another test, between fork and exec, holds for a moment whatever this one has.
        assert!(row.owners.contains(&(holder.pid(), 0)), "{:?}", row.owners);
        assert_eq!(row.settings, with(|set| set.user_timeout_ms = Some(1234)));
    });
}

#[test]
fn reading_keeps_no_duplicate() {
    in_private_netns(|| {
        let (_listener, calling, called) = connection("127.0.0.1");
        read(&Query::default());
        drop(called);
        // The peer's FIN arrives: nobody else holds the socket open.
        crate::wait_for(&calling, |row| {
            row.state == deadpeer_core::TcpState::CloseWait
        });
    });
}

#[test]
fn what_has_no_descriptor_says_so() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _waiting = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (rows, coverage) = read(&Query::default());
        let unknown = Settings::Unknown(Unreadable::NoDescriptor);
        assert_eq!(rows.iter().filter(|row| row.settings == unknown).count(), 1);
        let reasons = coverage
            .unread
            .iter()
            .map(|((why, _), count)| (*why, *count));
        assert!(reasons.eq([(Unreadable::NoDescriptor, 1)]), "{coverage:?}");
    });
}

#[test]
fn settings_that_were_not_asked_for_are_not_looked_for() {
    in_private_netns(|| {
        let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (rows, coverage) = read(&bare());
        assert_eq!(
            (rows[0].settings, rows[0].owners.len()),
            (Settings::NotAsked, 0)
        );
        assert!(coverage.unread.is_empty());
    });
}

#[test]
fn options_set_on_a_listener_too_late_are_seen_to_be_missing() {
    in_private_netns(|| {
        let (listener, _calling, called) = connection("127.0.0.1");
        sockopt::set_keepalive(&listener, true).unwrap();
        sockopt::set_keepidle_s(&listener, 60).unwrap();
        let later = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (heir, _) = listener.accept().unwrap();
        let (rows, _) = read(&Query::default());
        let settings = |row: &crate::Row| *row.settings.effective().unwrap();
        let of_listener = settings(&rows[0]);
        let missed = |end| {
            let own = settings(&row_of(&rows, end));
            inheritance::missed(&of_listener, &own, &untouched()).collect::<Vec<_>>()
        };
        assert_eq!(missed(&called), ["SO_KEEPALIVE"]);
        assert_eq!(missed(&heir), [""; 0]);
        drop(later);
    });
}
