//! The running kernel's table.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{DumpEnd, Request, SockDiag, Socket, States};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};

const EVERYTHING: Request = Request {
    states: States::ALL,
    tcp_info: true,
};

/// Shows every socket to `visit`.
fn dump(diag: &mut SockDiag, request: Request, mut visit: impl FnMut(&Socket<'_>)) -> DumpEnd {
    diag.dump(request, |socket| {
        visit(socket);
        ControlFlow::Continue(())
    })
    .unwrap()
}

fn pairs(address: &str, count: usize) -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind(address).unwrap();
    let mut ends = Vec::new();
    for _ in 0..count {
        ends.push(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        ends.push(listener.accept().unwrap().0);
    }
    (listener, ends)
}

#[test]
fn an_empty_namespace_has_an_empty_table() {
    in_private_netns(|| {
        let mut diag = SockDiag::open().unwrap();
        let end = dump(&mut diag, EVERYTHING, |socket| panic!("{socket:?}"));
        assert_eq!(end, DumpEnd::default());
    });
}

#[test]
fn every_socket_comes_once_with_its_cookie() {
    in_private_netns(|| {
        let (listener, ends) = pairs("127.0.0.1:0", 100);
        let (listener6, ends6) = pairs("[::1]:0", 20);
        let mut expected: Vec<u64> = ends
            .iter()
            .chain(&ends6)
            .map(|s| sockopt::cookie(s).unwrap())
            .collect();
        expected.extend([&listener, &listener6].map(|s| sockopt::cookie(s).unwrap()));
        let mut found = Vec::new();
        let mut diag = SockDiag::open().unwrap();
        let end = dump(&mut diag, EVERYTHING, |socket| {
            assert!(socket.tcp_info.is_some());
            found.push(socket.cookie);
        });
        assert_eq!(
            (end.interrupted, end.unknown, end.stopped),
            (false, 0, false)
        );
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    });
}

#[test]
fn the_kernel_filters_states_and_leaves_tcp_info_out() {
    in_private_netns(|| {
        let (listener, _ends) = pairs("127.0.0.1:0", 3);
        let mut diag = SockDiag::open().unwrap();
        let request = Request {
            states: States::NONE.with(TcpState::Listen),
            tcp_info: false,
        };
        let mut found = Vec::new();
        dump(&mut diag, request, |socket| {
            assert_eq!((socket.state, socket.tcp_info), (TcpState::Listen, None));
            found.push(socket.local);
        });
        assert_eq!(found, [listener.local_addr().unwrap()]);
    });
}

#[test]
fn a_dump_can_be_left_and_the_next_one_is_whole() {
    in_private_netns(|| {
        // More than one datagram's worth, so that the kernel has answers left to give.
        let (_listener, ends) = pairs("127.0.0.1:0", 400);
        let mut diag = SockDiag::open().unwrap();
        let end = diag.dump(EVERYTHING, |_| ControlFlow::Break(())).unwrap();
        assert!(end.stopped);
        let mut found = 0;
        dump(&mut diag, EVERYTHING, |_| found += 1);
        assert_eq!(found, ends.len() + 1);
    });
}

#[test]
fn the_table_stays_with_its_namespace() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut diag = SockDiag::open().unwrap();
        let shown = std::thread::scope(|scope| {
            let elsewhere = scope.spawn(|| {
                deadpeer_sys::netns::isolate().unwrap();
                let mut shown: Vec<SocketAddr> = Vec::new();
                dump(&mut diag, EVERYTHING, |socket| shown.push(socket.local));
                shown
            });
            elsewhere.join().unwrap()
        });
        assert_eq!(shown, [listener.local_addr().unwrap()]);
    });
}

#[test]
fn multipath_tcp_is_shown_as_a_whole() {
    in_private_netns(|| {
        let multipath = rustix::net::socket(
            rustix::net::AddressFamily::INET6,
            rustix::net::SocketType::STREAM,
            Some(rustix::net::ipproto::MPTCP),
        );
        let listener = match multipath {
            Ok(listener) => listener,
            Err(error) => return skip(&format!("no Multipath TCP: {error}")),
        };
        rustix::net::listen(&listener, 1).unwrap();
        let inode = rustix::fs::fstat(&listener).unwrap().st_ino;
        let mut seen = Vec::new();
        let mut diag = SockDiag::open().unwrap();
        let dumped = diag.multipath(States::ALL, |whole| {
            seen.push((whole.state, u64::from(whole.inode.unwrap().get())));
        });
        match dumped {
            Ok(()) => assert_eq!(seen, [(TcpState::Listen, inode)]),
            Err(error) => skip(&format!("no CONFIG_INET_MPTCP_DIAG: {error}")),
        }
        // The next dump is of TCP again.
        let mut parts = 0;
        dump(&mut diag, EVERYTHING, |_| parts += 1);
        assert_eq!(parts, 1);
    });
}
