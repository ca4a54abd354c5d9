//! Ends are told, each once, with its key; nothing else wakes.

use std::io::{Read, Write};
use std::net::{Shutdown, UdpSocket};
use std::time::Duration;

use deadpeer::{AddError, Cause, Ending, HalfClose, News, TcpState, Watch, WatchError};
use deadpeer_sys::testing::in_private_netns;
use socket2::SockRef;

use crate::{MOMENT, pair, readable, soon, told, until};

#[test]
fn a_fin_and_a_reset() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (first, first_peer) = pair();
        let (second, second_peer) = pair();
        watch.add(&first, 1).unwrap();
        watch.add(&second, 2).unwrap();
        assert_eq!(told(&mut watch, Duration::ZERO), []);

        drop(first_peer);
        let [event] = soon(&mut watch)[..] else {
            panic!("one end, one event");
        };
        let News::Died(death) = event.news else {
            panic!("{event:?}");
        };
        assert_eq!(event.key, 1);
        assert_eq!(death.ending, Ending::Certain(Cause::PeerClosed));

        SockRef::from(&second_peer)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(second_peer);
        let [event] = soon(&mut watch)[..] else {
            panic!("one end, one event");
        };
        assert_eq!(event.key, 2);
        assert!(matches!(event.news, News::Died(death) if death.cause() == Cause::Reset));
        assert!(watch.is_empty());
        // The application still gets its error.
        let error = (&second).read(&mut [0; 1]).unwrap_err();
        assert_eq!(Cause::from(&error), Cause::Reset);
    });
}

#[test]
fn data_makes_nothing_readable() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (socket, mut peer) = pair();
        watch.add(&socket, 1).unwrap();
        for _ in 0..100 {
            peer.write_all(b"data").unwrap();
            (&socket).write_all(b"data").unwrap();
        }
        until("data", || socket.peek(&mut [0; 400]).unwrap() == 400);
        assert!(!readable(&watch, Duration::ZERO), "data woke the watch");
        drop(peer);
        until("the end", || readable(&watch, Duration::ZERO));
        assert_eq!(soon(&mut watch).len(), 1);
        assert!(!readable(&watch, Duration::ZERO));
        let mut data = Vec::new();
        // The peer closed with our data unread.
        let error = (&socket).take(400).read_to_end(&mut data);
        assert_eq!((error.unwrap(), data.len()), (400, 400));
    });
}

#[test]
fn what_ended_before_counts() {
    in_private_netns(|| {
        let (socket, peer) = pair();
        drop(peer);
        until("the FIN", || {
            deadpeer::inspect(&socket).unwrap().state == Some(TcpState::CloseWait)
        });
        let mut watch = Watch::new().unwrap();
        watch.add(&socket, 9).unwrap();
        assert_eq!(soon(&mut watch)[0].key, 9);
    });
}

#[test]
fn half_closes_and_own_shutdowns_may_be_no_end() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap().half_close(HalfClose::Lives);
        let (socket, peer) = pair();
        watch.add(&socket, 1).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(told(&mut watch, MOMENT), []);
        socket.shutdown(Shutdown::Write).unwrap();
        assert!(matches!(soon(&mut watch)[0].news, News::Died(d) if d.cause() == Cause::Closed));

        let (socket, peer) = pair();
        watch.add(&socket, 2).unwrap();
        socket.shutdown(Shutdown::Both).unwrap();
        assert_eq!(told(&mut watch, MOMENT), []);
        drop(peer);
        assert_eq!(soon(&mut watch)[0].key, 2);
    });
}

#[test]
fn many_at_once_come_in_portions() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (sockets, peers): (Vec<_>, Vec<_>) = (0..450).map(|_| pair()).unzip();
        for (key, socket) in (0..).zip(&sockets) {
            watch.add(socket, key).unwrap();
        }
        drop(peers);
        let mut keys = Vec::new();
        while keys.len() < sockets.len() {
            let events = soon(&mut watch);
            assert!(events.len() <= 256);
            keys.extend(events.iter().map(|event| event.key));
        }
        keys.sort_unstable();
        assert_eq!(keys, (0..450).collect::<Vec<_>>());
    });
}

#[test]
fn what_is_no_tcp_socket_is_refused() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let refused = AddError::Watch(WatchError::NotTcp);
        assert_eq!(watch.add(&udp, 1), Err(refused));
        assert!(watch.is_empty());
    });
}

const _: () = {
    const fn sendable<T: Send>() {}
    sendable::<Watch>();
};
