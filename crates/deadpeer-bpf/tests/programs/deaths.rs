//! Connections as they end: what is told of each.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use deadpeer_bpf::{Death, Deaths, Engine, Watched};
use deadpeer_core::TcpState;
use deadpeer_sys::{clock, netns, sockopt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;

use crate::sockets::{Pair, bound, connecting, cookie, unconnected};
use crate::with_engine;

const RING: usize = 1 << 20;

fn watch(engine: &Engine) -> Deaths {
    let here = netns::inode(netns::open_current().unwrap()).unwrap();
    let here = u32::try_from(here).unwrap();
    engine.deaths(Watched::Namespace(here), RING).unwrap()
}

/// The death of the socket with this cookie, waited for; others are thrown away.
fn death_of(deaths: &mut Deaths, cookie: u64) -> Death {
    told_within(Duration::from_secs(60), deaths, cookie).expect("no death after 60 s")
}

/// The death of the caller that `stage` leaves to a timer of the kernel's, and both ends.
///
/// Some hosted machines' kernels run no eBPF while a process that they protect has the processor
/// (docs/operators.md): a timer that fires just then ends a connection unreported. So there are
/// more attempts than one.
fn death_by_timer(deaths: &mut Deaths, stage: impl Fn() -> Pair) -> (Pair, Death) {
    const ATTEMPTS: usize = 3;
    for _ in 0..ATTEMPTS {
        let pair = stage();
        let death = told_within(Duration::from_secs(20), deaths, cookie(&pair.caller));
        if let Some(death) = death {
            return (pair, death);
        }
    }
    panic!("no death was told in {ATTEMPTS} attempts");
}

fn told_within(time: Duration, deaths: &mut Deaths, cookie: u64) -> Option<Death> {
    let end = Instant::now() + time;
    let mut found = None;
    while found.is_none() && Instant::now() < end {
        let mut readable = [PollFd::new(&*deaths, PollFlags::IN)];
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        poll(&mut readable, Some(&second)).unwrap();
        deaths.drain(|death| {
            if death.cookie == cookie {
                found = Some(death.clone());
            }
        });
    }
    assert_eq!(deaths.lost(), Ok(0));
    found
}

fn closed_by_us(death: &Death) -> bool {
    death.closer.is_some_and(|closer| {
        let ours = closer.pid == Some(std::process::id());
        ours && !closer.name().is_empty()
    })
}

#[test]
fn closed_by_us_first() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let before = clock::monotonic();
        let mut pair = Pair::connect("127.0.0.1:0");
        let caller = cookie(&pair.caller);
        let ends = (
            pair.caller.local_addr().unwrap(),
            pair.caller.peer_addr().unwrap(),
        );
        pair.caller.write_all(b"bye").unwrap();
        pair.called.read_exact(&mut [0; 3]).unwrap();
        drop(pair.caller);
        assert_eq!(pair.called.read(&mut [0]).unwrap(), 0);
        drop(pair.called);

        let death = death_of(&mut deaths, caller);
        assert_eq!((death.local, death.peer), ends);
        assert_eq!(death.last.errno, Some(0));
        let states = [TcpState::FinWait1, TcpState::FinWait2, TcpState::Closing];
        assert!(states.contains(&death.state), "{}", death.state);
        assert!(closed_by_us(&death));
        assert_eq!(death.inode, None);
        assert_eq!((death.last.unread, death.last.unsent), (Some(0), Some(0)));
        assert!(death.bytes_acknowledged >= 3);
        let established = death.established_at.expect("seen from the beginning");
        assert!(before <= established && established <= death.at);
        assert!(death.at <= clock::monotonic());
    });
}

#[test]
fn closed_by_the_peer_first() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let mut pair = Pair::connect("[::1]:0");
        let called = cookie(&pair.called);
        drop(pair.caller);
        assert_eq!(pair.called.read(&mut [0]).unwrap(), 0);
        drop(pair.called);
        let death = death_of(&mut deaths, called);
        assert_eq!(
            (death.state, death.last.errno),
            (TcpState::LastAck, Some(0))
        );
        assert_eq!(death.last.peer_finished, Some(true));
        assert!(closed_by_us(&death));
        assert!(death.local.is_ipv6());
    });
}

#[test]
fn reset_by_the_peer_while_a_process_has_it() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let pair = Pair::connect("127.0.0.1:0");
        let caller = cookie(&pair.caller);
        set_socket_linger(&pair.called, Some(Duration::ZERO)).unwrap();
        drop(pair.called);
        let death = death_of(&mut deaths, caller);
        assert_eq!(
            (death.state, death.last.errno),
            (TcpState::Established, Some(104))
        );
        assert!(death.inode.is_some() && death.closer.is_none());
        assert_eq!(death.last.peer_finished, Some(false));
        drop(pair.caller);
    });
}

#[test]
fn reset_by_our_own_close() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let pair = Pair::connect("127.0.0.1:0");
        let caller = cookie(&pair.caller);
        set_socket_linger(&pair.caller, Some(Duration::ZERO)).unwrap();
        drop(pair.caller);
        let death = death_of(&mut deaths, caller);
        assert_eq!(
            (death.state, death.last.errno),
            (TcpState::Established, Some(0))
        );
        assert!(closed_by_us(&death) && death.last.unread == Some(0));
    });
}

#[test]
fn closed_with_data_unread() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let mut pair = Pair::connect("127.0.0.1:0");
        let called = cookie(&pair.called);
        pair.caller.write_all(b"nobody reads this").unwrap();
        pair.called.peek(&mut [0]).unwrap();
        drop(pair.called);
        let death = death_of(&mut deaths, called);
        assert_eq!((death.last.errno, death.last.unread), (Some(0), Some(17)));
        assert!(closed_by_us(&death));
    });
}

#[test]
fn reset_after_a_half_close() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let mut pair = Pair::connect("127.0.0.1:0");
        let caller = cookie(&pair.caller);
        pair.called.shutdown(Shutdown::Write).unwrap();
        assert_eq!(pair.caller.read(&mut [0]).unwrap(), 0);
        drop(pair.called);
        pair.caller.write_all(b"hello?").unwrap();
        let death = death_of(&mut deaths, caller);
        assert_eq!(
            (death.state, death.last.errno),
            (TcpState::CloseWait, Some(32))
        );
        assert_eq!(death.last.peer_finished, Some(true));
    });
}

#[test]
fn refused() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let (_bound, nobody) = bound();
        TcpStream::connect(nobody).unwrap_err();
        let mut refused = Vec::new();
        deaths.drain(|death| refused.push(death.clone()));
        let [death] = refused.as_slice() else {
            panic!("one death, not {refused:?}");
        };
        assert_eq!(
            (death.state, death.last.errno),
            (TcpState::SynSent, Some(111))
        );
        assert_eq!(death.peer, nobody);
        assert_eq!(death.established_at, None);
    });
}

#[test]
fn given_up_by_its_owner_before_it_was_answered() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let socket = connecting();
        let cookie = cookie(&socket);
        drop(socket);
        let death = death_of(&mut deaths, cookie);
        assert_eq!(
            (death.state, death.last.errno),
            (TcpState::SynSent, Some(0))
        );
        assert!(closed_by_us(&death));
    });
}

#[test]
fn keepalive_unanswered() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let (_pair, death) = death_by_timer(&mut deaths, || {
            let pair = Pair::connect("127.0.0.1:0");
            sockopt::set_keepalive(&pair.caller, true).unwrap();
            sockopt::set_keepintvl_s(&pair.caller, 1).unwrap();
            sockopt::set_keepcnt(&pair.caller, 2).unwrap();
            sockopt::mute(&pair.called).unwrap();
            sockopt::set_keepidle_s(&pair.caller, 1).unwrap();
            pair
        });
        assert_eq!(
            (death.state, death.last.errno),
            (TcpState::Established, Some(110))
        );
        assert_eq!((death.last.probes, death.last.unacked), (Some(2), Some(0)));
        assert_eq!(death.options.keepcnt, Some(2));
        assert!(
            death
                .last
                .silence
                .is_some_and(|silent| silent >= Duration::from_millis(2900))
        );
        assert!(death.inode.is_some());
    });
}

#[test]
fn data_unacknowledged() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let (_pair, death) = death_by_timer(&mut deaths, || {
            let mut pair = Pair::connect("127.0.0.1:0");
            sockopt::set_user_timeout_ms(&pair.caller, Some(1500)).unwrap();
            sockopt::mute(&pair.called).unwrap();
            pair.caller.write_all(b"lost").unwrap();
            pair
        });
        assert_eq!((death.last.errno, death.last.unacked), (Some(110), Some(4)));
        assert!(death.last.retransmits > Some(0));
        assert_eq!(death.options.user_timeout_ms, Some(1500));
        let spent = death.last.silence.expect("it was heard once");
        assert!(spent >= Duration::from_millis(1400), "{spent:?}");
        assert!(death.last.rto > Some(Duration::ZERO));
    });
}

#[test]
fn who_shares_a_slot_with_another_is_remembered_all_the_same() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let before = clock::monotonic();
        let first = Pair::connect("127.0.0.1:0");
        let (one, other) = (cookie(&first.caller), twin_of(cookie(&first.caller)));
        let second = cookie(&other);
        rustix::net::connect(&other, &first.listener.local_addr().unwrap()).unwrap();
        let between = clock::monotonic();

        let theirs = |death: &Death| {
            let caller = death.caller.unwrap();
            assert_eq!(caller.pid, Some(std::process::id()));
            death.established_at.unwrap()
        };
        drop(other);
        drop(first.listener.accept().unwrap());
        let later = theirs(&death_of(&mut deaths, second));
        drop(first);
        let earlier = theirs(&death_of(&mut deaths, one));
        assert!(before < earlier && earlier < later && later < between);
    });
}

/// A socket whose cookie differs by a multiple of the number of slots.
fn twin_of(cookie_of_one: u64) -> OwnedFd {
    const SLOTS: u64 = 65_536;
    loop {
        let socket = unconnected();
        if cookie(&socket) % SLOTS == cookie_of_one % SLOTS {
            return socket;
        }
    }
}

#[test]
fn other_namespaces_are_not_told() {
    with_engine(|engine| {
        let mut deaths = watch(engine);
        let elsewhere = netns::private(|| drop(Pair::connect("127.0.0.1:0")));
        assert_eq!(elsewhere, Ok(()));
        let pair = Pair::connect("127.0.0.1:0");
        let ours = [cookie(&pair.caller), cookie(&pair.called)];
        drop(pair);
        let mut told = Vec::new();
        deaths.drain(|death| told.push(death.cookie));
        assert!(!told.is_empty());
        assert!(told.iter().all(|cookie| ours.contains(cookie)), "{told:?}");
    });
}

#[test]
fn what_does_not_fit_is_counted() {
    with_engine(|engine| {
        let here = netns::inode(netns::open_current().unwrap()).unwrap();
        let watched = Watched::Namespace(u32::try_from(here).unwrap());
        let mut deaths = engine.deaths(watched, 1).unwrap();
        for _ in 0..100 {
            drop(Pair::connect("127.0.0.1:0"));
        }
        let mut told = 0;
        deaths.drain(|_| told += 1);
        let lost = deaths.lost().unwrap();
        assert!(lost > 0 && told > 0);
        // Both ends of each.
        assert!(told + lost >= 200, "{told} told, {lost} lost");
    });
}

/// The end of a small buffer comes in the middle of a record, again and again.
#[test]
fn what_goes_on_at_the_beginning_of_the_buffer_is_told_whole() {
    with_engine(|engine| {
        let here = netns::inode(netns::open_current().unwrap()).unwrap();
        let watched = Watched::Namespace(u32::try_from(here).unwrap());
        let mut deaths = engine.deaths(watched, 1).unwrap();
        let (mut ended, mut told) = (Vec::new(), Vec::new());
        for _ in 0..50 {
            let pair = Pair::connect("127.0.0.1:0");
            let (caller, called) = (&pair.caller, &pair.called);
            let address = |socket: &TcpStream| socket.local_addr().unwrap();
            ended.push((cookie(caller), address(caller), address(called)));
            ended.push((cookie(called), address(called), address(caller)));
            drop(pair);
            deaths.drain(|death| told.push((death.cookie, death.local, death.peer)));
        }
        told.retain(|death| ended.contains(death));
        ended.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, ended);
    });
}
