//! The kernel announces sockets as it frees them.

use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use deadpeer_core::{KernelVersion, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{DestroyEvents, Request, SockDiag, SocketId, States};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use rustix::event::{PollFd, PollFlags, poll};

/// What was announced of the sockets with these cookies, one after the other.
fn announced(destroy_events: &mut DestroyEvents, cookies: &[u64]) -> Vec<(TcpState, u32, TcpInfo)> {
    let mut seen = vec![None; cookies.len()];
    let end = Instant::now() + Duration::from_secs(20);
    while seen.iter().any(Option::is_none) {
        assert!(Instant::now() < end, "announced so far: {seen:?}");
        let mut fds = [PollFd::new(destroy_events, PollFlags::IN)];
        let second = rustix::event::Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&second)).unwrap();
        destroy_events
            .drain(|socket| {
                if let Some(place) = cookies.iter().position(|cookie| *cookie == socket.cookie) {
                    let info = socket.tcp_info.expect("TCP_INFO comes with it");
                    let info = TcpInfo::decode(info, None::<KernelVersion>);
                    seen[place] = Some((socket.state, socket.rqueue, info));
                }
            })
            .unwrap();
    }
    seen.into_iter().flatten().collect()
}

#[test]
fn closed_connections_are_announced_with_what_was_left() {
    in_private_netns(|| {
        let mut destroy_events = DestroyEvents::open(1 << 20).unwrap();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (there, _) = listener.accept().unwrap();
            let cookies = [&here, &there].map(|socket| sockopt::cookie(socket).unwrap());
            std::io::Write::write_all(&mut &here, b"never read").unwrap();
            drop(there);
            drop(here);
            let seen = announced(&mut destroy_events, &cookies);
            assert!(seen.iter().all(|(state, ..)| *state == TcpState::Close));
            let [(_, _, here), (_, unread, there)] = seen.as_slice() else {
                unreachable!()
            };
            assert_eq!((*unread, there.bytes_received), (10, Some(10)));
            assert_eq!(here.bytes_sent, Some(10));
        }
        assert_eq!(destroy_events.lost().unwrap(), 0);
    });
}

#[test]
fn what_a_full_queue_dropped_is_counted() {
    in_private_netns(|| {
        // The smallest that the kernel allows holds a few.
        let mut destroy_events = DestroyEvents::open(0).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || {
            let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            drop(listener.accept().unwrap());
            drop(here);
        };
        let end = Instant::now() + Duration::from_secs(20);
        while destroy_events.lost().unwrap() == 0 {
            assert!(Instant::now() < end, "nothing was lost");
            connect();
        }
        let mut seen = 0;
        destroy_events.drain(|_| seen += 1).unwrap();
        assert!(seen > 0);
    });
}

#[test]
fn the_end_that_closed_first_waits_between_its_ends() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (there, _) = listener.accept().unwrap();
        let mut diag = SockDiag::open().unwrap();
        let ids = [&here, &there].map(|socket| id_of(&mut diag, socket));
        let states = |diag: &mut SockDiag| ids.map(|id| diag.state_between(&id).unwrap());
        assert_eq!(states(&mut diag), [Some(TcpState::Established); 2]);
        drop(here);
        std::io::Read::read(&mut &there, &mut [0]).unwrap();
        drop(there);
        let end = Instant::now() + Duration::from_secs(20);
        while states(&mut diag) != [Some(TcpState::TimeWait), None] {
            assert!(Instant::now() < end, "{:?}", states(&mut diag));
        }
    });
}

fn id_of(diag: &mut SockDiag, socket: &TcpStream) -> SocketId {
    let cookie = sockopt::cookie(socket).unwrap();
    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut id = None;
    let dumped = diag.dump(request, |socket| {
        if socket.cookie == cookie {
            id = Some(socket.id());
        }
        ControlFlow::Continue(())
    });
    dumped.unwrap();
    id.expect("the socket is in the table")
}
