//! Which process holds which socket.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use deadpeer_bpf::{Engine, SocketOwner};

use crate::sockets::Pair;
use crate::with_engine;

fn of(engine: &Engine, socket: impl AsFd) -> Vec<SocketOwner> {
    let inode = rustix::fs::fstat(socket).unwrap().st_ino;
    let mut found = Vec::new();
    let shown = engine.socket_owners().unwrap().each(|holder| {
        if u64::from(holder.inode.get()) == inode {
            found.push(*holder);
        }
        ControlFlow::Continue(())
    });
    shown.unwrap();
    found
}

#[test]
fn our_own_sockets_are_ours() {
    with_engine(|engine| {
        let pair = Pair::connect("[::1]:0");
        let found = of(engine, &pair.caller);
        let [holder] = found.as_slice() else {
            panic!("one holder, not {found:?}");
        };
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(holder.fd, pair.caller.as_raw_fd());
        let link = std::fs::read_link(format!("/proc/self/fd/{}", holder.fd)).unwrap();
        assert_eq!(link.to_str().unwrap(), format!("socket:[{}]", holder.inode));
    });
}

#[test]
fn a_shared_socket_has_every_holder() {
    with_engine(|engine| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let copy = listener.try_clone().unwrap();
        // The standard input of a child is a third descriptor of it.
        let input = listener.try_clone().unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .stdin(std::os::fd::OwnedFd::from(input))
            .spawn()
            .unwrap();
        let us = std::process::id();
        let mut expected = vec![
            (us, listener.as_raw_fd()),
            (us, copy.as_raw_fd()),
            (child.id(), 0),
        ];
        expected.sort_unstable();
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let found = of(engine, &listener);
            let mut found: Vec<_> = found.iter().map(|holder| (holder.pid, holder.fd)).collect();
            found.sort_unstable();
            if found == expected {
                break;
            }
            // A child is ours until its execve(2) is done, copies of everything included.
            assert!(Instant::now() < end, "{found:?}, not {expected:?}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn only_streams_of_ip_are_shown() {
    with_engine(|engine| {
        let (unix, _other) = UnixStream::pair().unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let fds = [unix.as_raw_fd(), udp.as_raw_fd()];
        let mut others = 0;
        let us = std::process::id();
        let shown = engine.socket_owners().unwrap().each(|holder| {
            others += u32::from(holder.pid == us && fds.contains(&holder.fd));
            ControlFlow::Continue(())
        });
        shown.unwrap();
        assert_eq!(others, 0);
    });
}
