//! The owner closes, and its numbers come again.

use std::io::Read;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use deadpeer::verdict::Preference;
use deadpeer::{Event, News, Supervision, Watch};
use deadpeer_sys::sockopt;
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

/// What a reader and a writer have after `try_clone`: the one that was added is closed, the other
/// goes on.
#[test]
fn a_duplicate_is_watched_in_its_place() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (old, old_peer) = pair();
        let elsewhere = old.try_clone().unwrap();
        watch.add(&old, 1).unwrap();
        drop(old);
        assert_eq!(told(&mut watch, MOMENT), []);
        assert_eq!(watch.forget_closed(), 0);
        drop(old_peer);
        assert!(matches!(
            soon(&mut watch)[..],
            [Event {
                key: 1,
                news: News::Died(_),
                ..
            }]
        ));
        drop(elsewhere);
    });
}

/// Its number comes again meanwhile.
#[test]
fn a_duplicate_is_not_confused_with_who_has_its_old_number() {
    in_private_netns(|| {
        let mut watch = Watch::new().unwrap();
        let (old, old_peer) = pair();
        let elsewhere = old.try_clone().unwrap();
        watch.add(&old, 1).unwrap();
        let (new, new_peer) = pair();
        let new = under_number(new, old);
        watch.add(&new, 2).unwrap();
        assert_eq!(watch.len(), 2);

        drop(old_peer);
        assert_eq!(soon(&mut watch)[0].key, 1);
        drop(new_peer);
        assert_eq!(soon(&mut watch)[0].key, 2);
        assert_eq!(told(&mut watch, MOMENT), []);
        drop(elsewhere);
    });
}

#[test]
fn a_supervised_duplicate_is_judged_and_gets_its_options_back() {
    in_private_netns(|| {
        let supervision = Supervision::within(Duration::from_secs(2));
        let mut watch = Watch::supervised(supervision.prefer(Preference::Deadline)).unwrap();
        let (old, peer) = pair();
        let before = deadpeer::options(&old).unwrap();
        let elsewhere = old.try_clone().unwrap();
        watch.add(&old, 1).unwrap();
        drop(old);
        sockopt::mute(&peer).unwrap();
        let [event] = soon(&mut watch)[..] else {
            panic!("one verdict");
        };
        assert!(event.key == 1 && event.news.is_gone(), "{event:?}");
        assert!(watch.remove(&elsewhere));
        assert_eq!(deadpeer::options(&elsewhere).unwrap(), before);
    });
}

/// A program that was started while the descriptor was open has it, and nobody else.
#[test]
fn one_that_lives_on_in_another_process_is_told_to_be_lost() {
    in_private_netns(|| {
        let mut supervised =
            Watch::supervised(Supervision::within(Duration::from_secs(2))).unwrap();
        let mut plain = Watch::new().unwrap();
        let (socket, peer) = pair();
        supervised.add(&socket, 1).unwrap();
        plain.add(&socket, 2).unwrap();
        // Its standard input is a duplicate.
        let mut child = Command::new("sleep")
            .arg("60")
            .stdin(OwnedFd::from(socket))
            .spawn()
            .unwrap();
        assert!(matches!(
            soon(&mut supervised)[..],
            [Event {
                key: 1,
                news: News::Lost,
                ..
            }]
        ));
        assert!(supervised.is_empty());
        drop(peer);
        assert!(matches!(
            soon(&mut plain)[..],
            [Event {
                key: 2,
                news: News::Lost,
                ..
            }]
        ));
        child.kill().unwrap();
        child.wait().unwrap();
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
