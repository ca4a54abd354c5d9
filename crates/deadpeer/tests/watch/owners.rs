//! The owner closes, and its numbers come again.

use std::io::Read;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use deadpeer::{Supervision, Watch};
use deadpeer_sys::testing::in_private_netns;
use rustix::io::dup2;

use crate::{MOMENT, pair, soon, told, until};

#[test]
fn a_closed_socket_is_closed() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (socket, mut peer) = pair();
        watch.add(&socket, 1).unwrap();
        drop(socket);
        // The FIN goes out: nothing of ours keeps the socket open.
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
        drop(peer);
        assert_eq!(told(&mut watch, MOMENT), []);
        assert_eq!((watch.len(), watch.forget_closed(), watch.len()), (1, 1, 0));
    });
}

#[test]
fn a_supervised_socket_that_was_closed_is_forgotten_by_itself() {
    in_private_netns(|| {
        let mut watch = Watch::supervised(Supervision::within(Duration::from_secs(2))).unwrap();
        let (socket, _peer) = pair();
        watch.add(&socket, 1).unwrap();
        drop(socket);
        until("the next look", || {
            assert_eq!(told(&mut watch, MOMENT), []);
            watch.is_empty()
        });
    });
}

#[test]
fn a_number_that_is_used_again() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (old, old_peer) = pair();
        let number = old.as_raw_fd();
        watch.add(&old, 1).unwrap();
        let (new, new_peer) = pair();
        let new = under_number(new, old);
        assert_eq!(new.as_raw_fd(), number);

        // The new socket has not been added: its end is nobody's business.
        drop(new_peer);
        drop(old_peer);
        assert_eq!(told(&mut watch, MOMENT), []);
        assert!(!watch.remove(&new), "it was not watched");

        let (newest, newest_peer) = pair();
        let newest = under_number(newest, new);
        watch.add(&newest, 3).unwrap();
        drop(newest_peer);
        let events = soon(&mut watch);
        assert_eq!(
            events.iter().map(|event| event.key).collect::<Vec<_>>(),
            [3]
        );
    });
}

/// A duplicate, as a forked child has one, keeps the old socket and its place in the kernel's list alive.
#[test]
fn an_old_socket_that_lives_on_elsewhere_speaks_for_nobody() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (old, old_peer) = pair();
        let elsewhere = old.try_clone().unwrap();
        watch.add(&old, 1).unwrap();
        let (new, new_peer) = pair();
        let new = under_number(new, old);
        watch.add(&new, 2).unwrap();

        drop(old_peer);
        assert_eq!(told(&mut watch, MOMENT), [], "the old socket's end");
        drop(new_peer);
        assert_eq!(soon(&mut watch)[0].key, 2);
        drop(elsewhere);
    });
}

#[test]
fn removed_and_added_again() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (socket, peer) = pair();
        watch.add(&socket, 1).unwrap();
        assert!(watch.remove(&socket));
        assert!(!watch.remove(&socket));
        watch.add(&socket, 2).unwrap();
        watch.add(&socket, 3).unwrap();
        assert_eq!(watch.len(), 1);
        drop(peer);
        assert_eq!(soon(&mut watch)[0].key, 3);
        assert_eq!(told(&mut watch, MOMENT), []);
    });
}

/// Closes `old` and gives its number to `new` in one go.
fn under_number(new: TcpStream, old: TcpStream) -> TcpStream {
    let mut place = OwnedFd::from(old);
    dup2(&new, &mut place).unwrap();
    place.into()
}
