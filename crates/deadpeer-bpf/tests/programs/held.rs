//! The sockets of a process, wherever they are.

use std::net::{Shutdown, TcpListener};
use std::ops::ControlFlow;

use deadpeer_bpf::{Engine, Socket};
use deadpeer_core::TcpState;
use deadpeer_sys::testing::skip;
use deadpeer_sys::{netns, sockopt};

use crate::sockets::{Pair, all, connecting, cookie, unaccepted, unconnected, wait_for};
use crate::with_engine;

/// What this process has in the network namespace with this number.
fn ours(engine: &Engine, namespace: u64) -> Option<Vec<Socket>> {
    let held = match engine.held_sockets() {
        Ok(held) => held,
        Err(why) => {
            skip(&why.to_string());
            return None;
        }
    };
    let mut found: Vec<Socket> = Vec::new();
    let shown = held.each(std::process::id(), |socket| {
        let is_new = found.iter().all(|known| known.cookie != socket.cookie);
        if u64::from(socket.namespace) == namespace && is_new {
            found.push(socket.clone());
        }
        ControlFlow::Continue(())
    });
    shown.unwrap();
    Some(found)
}

fn here() -> u64 {
    netns::inode(netns::open_current().unwrap()).unwrap()
}

#[test]
fn they_are_those_of_the_table_but_for_what_nobody_holds() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        let half = Pair::connect("[::1]:0");
        half.caller.shutdown(Shutdown::Write).unwrap();
        wait_for(engine, cookie(&half.caller), TcpState::FinWait2);
        let (_listener, _caller) = unaccepted();
        let (_calling, _closed) = (connecting(), unconnected());
        let Some(mut held) = ours(engine, here()) else {
            return;
        };
        let mut table = all(engine);
        table.retain(|socket| socket.holding.inode().is_some());
        let plain = |sockets: &mut Vec<Socket>| {
            sockets.sort_by_key(|socket| socket.cookie);
            let plain = sockets.iter().map(|socket| {
                let ends = (socket.local, socket.peer);
                (
                    socket.cookie,
                    socket.state,
                    ends,
                    socket.holding,
                    socket.options,
                )
            });
            plain.collect::<Vec<_>>()
        };
        assert_eq!(plain(&mut held), plain(&mut table));
        assert_eq!(held.len(), 11, "{held:?}");
        drop(pair);
    });
}

#[test]
fn those_of_other_namespaces_are_shown_to_whoever_asks() {
    with_engine(|engine| {
        let (there, pair) = netns::private(|| (here(), Pair::connect("127.0.0.1:0"))).unwrap();
        assert_ne!(there, here());
        let Some(held) = ours(engine, there) else {
            return;
        };
        let mut states: Vec<TcpState> = held.iter().map(|socket| socket.state).collect();
        states.sort_by_key(|state| *state as u8);
        let expected = [
            TcpState::Established,
            TcpState::Established,
            TcpState::Listen,
        ];
        assert_eq!(states, expected);
        drop(pair);
        let left = ours(engine, there).unwrap();
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn a_listener_says_whether_there_are_requests() {
    with_engine(|engine| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let requested = || {
            let listeners = ours(engine, here())?.into_iter();
            let mut listeners = listeners.filter(|socket| socket.state == TcpState::Listen);
            listeners.next().map(|socket| socket.requested)
        };
        if requested().is_none() {
            return;
        }
        assert_eq!(requested(), Some(false));
        // It does not hear the answer to its SYN.
        let caller = unconnected();
        sockopt::mute(&caller).unwrap();
        rustix::io::ioctl_fionbio(&caller, true).unwrap();
        let begun = rustix::net::connect(&caller, &listener.local_addr().unwrap());
        assert_eq!(begun, Err(rustix::io::Errno::INPROGRESS));
        assert_eq!(requested(), Some(true));
    });
}
