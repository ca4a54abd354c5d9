//! Processes and sockets that come and go while the table is read.

use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use deadpeer_core::TcpState;
use deadpeer_host::{Query, Settings, Unreadable};
use deadpeer_sys::testing::in_private_netns;

use crate::read;

/// Reads the table until `disturb` is done, and compares the listener's row each time.
fn read_while(disturb: impl FnOnce(&TcpListener) + Send) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let done = AtomicBool::new(false);
    let mut readings = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            disturb(&listener);
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) || readings == 0 {
            let (rows, _) = read(&Query::default());
            let own = rows
                .iter()
                .find(|row| row.state == TcpState::Listen)
                .unwrap();
            assert!(
                own.owners
                    .contains(&(std::process::id(), listener.as_raw_fd()))
            );
            assert!(matches!(own.settings, Settings::Known(_)));
            for row in &rows {
                assert!(
                    matches!(
                        row.settings,
                        Settings::Known(_)
                            | Settings::Unknown(
                                Unreadable::Gone
                                    | Unreadable::NoDescriptor
                                    | Unreadable::NoVisibleOwner
                            )
                    ),
                    "{row:?}"
                );
            }
            readings += 1;
        }
    });
}

#[test]
fn processes_that_end() {
    in_private_netns(|| {
        read_while(|listener| {
            for _ in 0..150 {
                let shared = OwnedFd::from(listener.try_clone().unwrap());
                let status = Command::new("true").stdin(shared).status().unwrap();
                assert!(status.success());
            }
        });
    });
}

#[test]
fn sockets_that_close() {
    in_private_netns(|| {
        read_while(|listener| {
            for _ in 0..2000 {
                let calling = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                drop((calling, listener.accept().unwrap()));
            }
        });
    });
}
