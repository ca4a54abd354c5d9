//! What somebody without privilege sees: everything but the owners and options of others.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use deadpeer_host::{Query, Settings, Unreadable};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::process::{Gid, Uid};

use crate::{Holder, connection, read};

const NOBODY: u32 = 65_534;

#[test]
fn nobody_sees_all_connections_and_the_options_of_his_own() {
    if !rustix::process::geteuid().is_root() || !may_become_nobody() {
        return skip("becoming another user takes root");
    }
    in_private_netns(|| {
        let (listener, calling, called) = connection("127.0.0.1");
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, own_port) = (
            listener.local_addr().unwrap().port(),
            own.local_addr().unwrap().port(),
        );
        sockopt::set_keepalive(&own, true).unwrap();
        // Held by other processes alone: our own descriptors are always readable for us.
        let others = [
            Holder::of(listener),
            Holder::of(calling),
            Holder::of(called),
        ];
        let own_holder = Holder::spawn(
            Command::new("sleep")
                .arg("1000")
                .stdin(OwnedFd::from(own))
                .uid(NOBODY)
                .gid(NOBODY),
        );
        let own_holder = own_holder.unwrap();

        let (rows, coverage) = as_nobody(|| read(&Query::default()));
        assert_eq!(rows.len(), 4);
        for row in &rows {
            match row.local.port() == own_port {
                true => {
                    assert_eq!(row.owners, [(own_holder.pid(), 0)]);
                    assert!(row.settings.effective().unwrap().keepalive);
                }
                false => {
                    assert_eq!(row.owners, []);
                    assert_eq!(row.settings, Settings::Unknown(Unreadable::NoVisibleOwner));
                }
            }
            assert!(row.info.is_some());
        }
        assert_eq!(coverage.unread[&(Unreadable::NoVisibleOwner, 0)], 3);
        for holder in &others {
            assert!(coverage.unreadable_processes.contains(&holder.pid()));
        }
        assert!(!coverage.unreadable_processes.contains(&own_holder.pid()));
        assert!(
            rows.iter()
                .any(|row| row.local.port() == port && row.uid == 0)
        );
        let end = rows.iter().find(|row| row.peer.port() == port);
        assert!(end.is_some(), "the caller's end is shown too");
        // Root sees the rest.
        let (_, coverage) = read(&Query::default());
        assert!(coverage.unread.is_empty());
    });
}

/// Runs `work` on a thread that is nobody. Credentials belong to a thread; only the C library makes
/// them the process'.
fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let nobody = scope.spawn(|| {
            rustix::thread::set_thread_groups(&[]).unwrap();
            rustix::thread::set_thread_gid(Gid::from_raw(NOBODY)).unwrap();
            rustix::thread::set_thread_uid(Uid::from_raw(NOBODY)).unwrap();
            work()
        });
        nobody.join().unwrap()
    })
}

/// Root of a user namespace with a single id can become nobody else.
fn may_become_nobody() -> bool {
    let changed = std::thread::spawn(|| rustix::thread::set_thread_uid(Uid::from_raw(NOBODY)));
    changed.join().unwrap().is_ok()
}

#[test]
fn the_kernel_shows_whose_a_socket_is() {
    in_private_netns(|| {
        let (_listener, calling, called) = connection("127.0.0.1");
        let (rows, _) = read(&Query::default());
        let me = rustix::process::geteuid().as_raw();
        assert!(rows.iter().all(|row| row.uid == me));
        drop::<(TcpStream, TcpStream)>((calling, called));
    });
}
