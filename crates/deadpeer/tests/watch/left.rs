//! What supervision leaves behind, in the kernel's table and on the sockets themselves.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use deadpeer::verdict::Preference;
use deadpeer::{Apply as _, News, SocketOptions, Supervision, TcpState, Verdict, Watch};
use deadpeer_sys::testing::{in_private_netns, is_in_the_table};
use deadpeer_sys::{sockopt, sysctl};

use crate::{MOMENT, pair, soon, told, until};

/// A verdict of unreachable after two seconds, on whatever little was asked.
fn hasty() -> Watch {
    let supervision = Supervision::within(Duration::from_secs(2));
    Watch::supervised(supervision.prefer(Preference::Deadline)).unwrap()
}

fn is_unreachable(watch: &mut Watch) -> bool {
    let unreachable = |news| matches!(news, News::Judged(Verdict::Unreachable { .. }));
    told(watch, Duration::from_millis(50))
        .iter()
        .any(|event| unreachable(event.news))
}

fn fill(socket: &TcpStream) {
    socket.set_nonblocking(true).unwrap();
    while (&*socket).write(&[0; 65_536]).is_ok() {}
}

/// One that stays closed: its application reads nothing.
fn window_is_closed(socket: &TcpStream) -> bool {
    deadpeer::inspect(socket).unwrap().snd_wnd == Some(0)
}

#[test]
fn what_is_closed_after_a_verdict_is_gone() {
    let idle = |_: &TcpStream| {};
    let in_flight = |socket: &TcpStream| (&*socket).write_all(b"lost").unwrap();
    let half_closed = |socket: &TcpStream| socket.shutdown(Shutdown::Write).unwrap();
    type Act = fn(&TcpStream);
    let states: [(&str, Act); 3] = [
        ("idle", idle),
        ("in flight", in_flight),
        ("half closed", half_closed),
    ];
    for (state, bring_into_it) in states {
        in_private_netns(|| {
            let mut watch = hasty();
            let (socket, peer) = pair();
            watch.add(&socket, 1).unwrap();
            sockopt::mute(&peer).unwrap();
            bring_into_it(&socket);
            until(state, || is_unreachable(&mut watch));
            leaves_nothing(state, socket, drop);
        });
    }
}

#[test]
fn what_is_closed_after_a_verdict_is_gone_behind_a_closed_window_too() {
    in_private_netns(|| {
        let mut watch = hasty();
        let (socket, peer) = pair();
        fill(&socket);
        until("the window closes", || window_is_closed(&socket));
        watch.add(&socket, 1).unwrap();
        sockopt::mute(&peer).unwrap();
        until("the verdict", || is_unreachable(&mut watch));
        leaves_nothing("closed window", socket, drop);
    });
}

/// In whichever order: the watch may be told first.
#[test]
fn it_may_be_removed_before_it_is_closed() {
    in_private_netns(|| {
        for removed in [true, false] {
            let mut watch = hasty();
            let (socket, peer) = pair();
            watch.add(&socket, 1).unwrap();
            sockopt::mute(&peer).unwrap();
            until("the verdict", || is_unreachable(&mut watch));
            leaves_nothing("removed first", socket, |socket| {
                if removed {
                    assert!(watch.remove(&socket));
                }
                drop(watch);
                drop(socket);
            });
        }
    });
}

fn leaves_nothing(state: &str, socket: TcpStream, close: impl FnOnce(TcpStream)) {
    let cookie = sockopt::cookie(&socket).unwrap();
    assert!(
        is_in_the_table(cookie).unwrap(),
        "{state}: it should be there"
    );
    close(socket);
    // A plain socket would stay for a hundred seconds.
    until(state, || !is_in_the_table(cookie).unwrap());
}

/// Closed before any verdict: `tcp_orphan_retries` holds as it does for a plain socket.
#[test]
fn what_is_closed_before_a_verdict_goes_as_soon_as_a_plain_socket() {
    in_private_netns(|| {
        sysctl::write("tcp_orphan_retries", 2).unwrap();
        // With `tcp_retries2` 5 a connection has 12.6 s, with 2 no time to be looked at: who is
        // removed before is a plain socket again.
        let cases = [(15, 10), (15, 30), (15, 120), (5, 30), (2, 30)];
        for (retries2, within) in cases {
            sysctl::write("tcp_retries2", retries2).unwrap();
            let supervision = Supervision::within(Duration::from_secs(within));
            let mut watch = Watch::supervised(supervision).unwrap();
            let (supervised, supervised_peer) = pair();
            let (plain, plain_peer) = pair();
            watch.add(&supervised, 1).unwrap();
            let cookies = [&supervised, &plain].map(|socket| sockopt::cookie(socket).unwrap());
            for peer in [&supervised_peer, &plain_peer] {
                sockopt::mute(peer).unwrap();
            }
            for mut socket in [supervised, plain] {
                socket.write_all(b"lost").unwrap();
                if retries2 == 2 {
                    watch.remove(&socket);
                }
            }
            let [supervised, plain] = cookies;
            assert!(is_in_the_table(supervised).unwrap() && is_in_the_table(plain).unwrap());
            until("the plain one goes", || !is_in_the_table(plain).unwrap());
            let other = format!("the other one, within {within} s");
            until(&other, || !is_in_the_table(supervised).unwrap());
        }
    });
}

/// Where plain sockets go sooner, the user timeout is there only while it is needed.
#[test]
fn a_live_connection_outlives_tcp_retries2_where_tcp_orphan_retries_is_lowered_too() {
    in_private_netns(|| {
        sysctl::write("tcp_orphan_retries", 2).unwrap();
        sysctl::write("tcp_retries2", 3).unwrap();
        let mut watch = Watch::supervised(Supervision::within(Duration::from_secs(30))).unwrap();
        let (socket, peer) = pair();
        let (plain, plain_peer) = pair();
        watch.add(&socket, 1).unwrap();
        let user_timeout = || sockopt::user_timeout_ms(&socket).unwrap();
        assert_eq!(user_timeout(), None);
        for peer in [&peer, &plain_peer] {
            sockopt::mute(peer).unwrap();
        }
        for mut socket in [&socket, &plain] {
            socket.write_all(b"late").unwrap();
        }
        let state = |socket: &TcpStream| deadpeer::inspect(socket).unwrap().state;
        until("the plain one ends", || {
            assert_eq!(told(&mut watch, MOMENT), []);
            state(&plain) == Some(TcpState::Close)
        });
        assert_eq!(state(&socket), Some(TcpState::Established));
        assert!(user_timeout().is_some_and(|ms| ms < 20_000));
        assert!(watch.remove(&socket));
        assert_eq!(user_timeout(), None);
    });
}

/// Nothing is thrown away of a peer that comes back.
#[test]
fn who_comes_back_gets_what_was_written() {
    in_private_netns(|| {
        let mut watch = hasty();
        let (mut socket, mut peer) = pair();
        sockopt::set_linger(&socket, Some(Duration::from_secs(3))).unwrap();
        watch.add(&socket, 1).unwrap();
        sockopt::mute(&peer).unwrap();
        until("the verdict", || is_unreachable(&mut watch));
        assert_eq!(sockopt::linger(&socket), Ok(Some(Duration::ZERO)));
        socket.write_all(b"late").unwrap();
        sockopt::unmute(&peer).unwrap();
        let [event] = soon(&mut watch)[..] else {
            panic!("one came back");
        };
        assert!(matches!(event.news, News::Judged(Verdict::Alive { .. })));
        assert_eq!(sockopt::linger(&socket), Ok(Some(Duration::from_secs(3))));
        socket.write_all(b"r").unwrap();
        drop(socket);
        let mut read = String::new();
        peer.read_to_string(&mut read).unwrap();
        assert_eq!(read, "later");
    });
}

/// A socket with options of its own.
fn with_options() -> (TcpStream, TcpStream, deadpeer::Effective) {
    let (socket, peer) = pair();
    let own = SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(70),
        keepcnt: Some(3),
        user_timeout_ms: Some(40_000),
        ..SocketOptions::default()
    };
    let effective = own.apply(&socket).unwrap().effective;
    (socket, peer, effective)
}

#[test]
fn who_leaves_gets_its_own_options_back() {
    in_private_netns(|| {
        let held = |socket: &TcpStream| deadpeer::options(socket).unwrap();
        let supervised =
            || Watch::supervised(Supervision::within(Duration::from_secs(30))).unwrap();
        let mut watch = supervised();

        let (removed, _peer, own) = with_options();
        watch.add(&removed, 1).unwrap();
        assert_ne!(held(&removed), own);
        watch.add(&removed, 2).unwrap();
        assert!(watch.remove(&removed));
        assert_eq!(held(&removed), own, "removed");

        let (ended, peer, own) = with_options();
        watch.add(&ended, 3).unwrap();
        drop(peer);
        assert_eq!(soon(&mut watch)[0].key, 3);
        assert_eq!(held(&ended), own, "its end was told");

        let (dropped, _peer, own) = with_options();
        watch.add(&dropped, 4).unwrap();
        drop(watch);
        assert_eq!(held(&dropped), own, "the watch was dropped");
    });
}

#[test]
fn what_the_application_sets_meanwhile_is_its_own() {
    in_private_netns(|| {
        let mut watch = Watch::supervised(Supervision::within(Duration::from_secs(30))).unwrap();
        let (socket, _peer, own) = with_options();
        watch.add(&socket, 1).unwrap();
        sockopt::set_keepidle_s(&socket, 33).unwrap();
        sockopt::set_user_timeout_ms(&socket, Some(7_000)).unwrap();
        fill(&socket);
        until("the window closes", || {
            watch.verdict(&socket).unwrap();
            window_is_closed(&socket)
        });
        watch.verdict(&socket).unwrap();
        assert!(watch.remove(&socket));
        let held = deadpeer::options(&socket).unwrap();
        assert_eq!((held.keepidle_s, held.user_timeout_ms), (33, Some(7_000)));
        assert_eq!(held.keepcnt, own.keepcnt);
    });
}

/// The user timeout is there for loss, not for peers that don't read, or did not.
#[test]
fn who_did_not_read_once_has_no_user_timeout() {
    in_private_netns(|| {
        let mut watch = Watch::supervised(Supervision::within(Duration::from_secs(30))).unwrap();
        let (socket, mut peer) = pair();
        watch.add(&socket, 1).unwrap();
        let user_timeout = || sockopt::user_timeout_ms(&socket).unwrap();
        assert_eq!(user_timeout(), Some(96_000));
        fill(&socket);
        until("the closed window is seen", || {
            watch.verdict(&socket).unwrap();
            user_timeout().is_none()
        });
        peer.set_nonblocking(true).unwrap();
        until("the open window is seen", || {
            while peer.read(&mut [0; 65_536]).is_ok_and(|read| read > 0) {}
            matches!(watch.verdict(&socket), Some(Verdict::Alive { .. }))
        });
        // The kernel's clock of probes may go on.
        assert_eq!(user_timeout(), None);
    });
}

/// Where Linux itself ends who does not read, that is told before.
#[test]
fn a_slow_reader_that_few_retries_end_is_foretold() {
    in_private_netns(|| {
        for retries2 in [0, 1] {
            sysctl::write("tcp_retries2", retries2).unwrap();
            let supervision = Supervision::within(Duration::from_secs(30));
            let mut watch = Watch::supervised(supervision).unwrap();
            let (socket, _peer) = pair();
            watch.add(&socket, 1).unwrap();
            let slip = watch.slip(&socket).unwrap();
            assert!(slip.to_string().contains("tcp_retries2"), "{slip}");
            let open = Instant::now();
            fill(&socket);
            assert!(matches!(soon(&mut watch)[0].news, News::Died(_)));
            let after = open.elapsed();
            assert!(slip.slow_reader_ended <= Some(after), "{slip:?}, {after:?}");
        }
    });
}
