//! Connections for which the kernel itself asks, with and without a descriptor.

use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Instant;

use deadpeer::{KernelVersion, SocketOptions, TcpState};
use deadpeer_sys::sock_diag::{Request, SockDiag, States, TimerKind};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::common::population::{Pair, listener, pair};
use crate::common::run;
use crate::scenes::{BOUND, gone, lines, server_end};

const PINGS: [&str; 2] = ["ping", "ping_summary"];
const KILLS: [&str; 2] = ["kill", "kill_summary"];

/// Waits until the connection with this local or peer end has sent something again so often.
fn until_sent_again(end: SocketAddr, state: TcpState, times: u8) {
    let mut diag = SockDiag::open().unwrap();
    let bound = Instant::now() + BOUND;
    loop {
        let mut enough = false;
        let request = Request {
            states: [state].into_iter().collect::<States>(),
            tcp_info: false,
        };
        let dumped = diag.dump(request, |socket| {
            let is_it = socket.local == end || socket.peer == end;
            enough |= is_it && socket.timer.is_some_and(|timer| timer.unanswered >= times);
            ControlFlow::Continue(())
        });
        dumped.unwrap();
        if enough {
            return;
        }
        assert!(Instant::now() < bound, "{end} in {state}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn ping_of(args: &[&str]) -> (i32, Value, Value) {
    let args = [&["ping", "-c", "1"], args].concat();
    let (code, mut pings, mut summaries) = lines(&args, PINGS);
    (code, pings.remove(0), summaries.remove(0))
}

/// What kill says, rehearsed and then done.
fn kill(args: &[&str]) -> (Value, Value) {
    let rehearsal = [&["kill", "--unreachable", "--dry-run"], args].concat();
    let (code, kills, _) = lines(&rehearsal, KILLS);
    assert_eq!((code, &kills[0]["verdict"]), (0, &"destroy".into()));
    let done = [&["kill", "--unreachable", "--yes"], args].concat();
    let (code, mut kills, mut summaries) = lines(&done, KILLS);
    assert_eq!(code, 0, "{kills:?} {summaries:?}");
    (kills.remove(0), summaries.remove(0))
}

fn can_destroy() -> bool {
    let can = SockDiag::open().unwrap().can_destroy().unwrap();
    if !can {
        skip("this kernel lacks CONFIG_INET_DIAG_DESTROY");
    }
    can
}

#[test]
fn retransmissions_after_close_are_questions_and_need_no_descriptor() {
    in_private_netns(|| {
        for (state, word) in [
            (TcpState::FinWait1, "fin-wait-1"),
            (TcpState::LastAck, "last-ack"),
        ] {
            let mut pair = gone();
            let end = server_end(&pair);
            if state == TcpState::LastAck {
                // Its FIN still comes through, and nothing of ours does.
                pair.client.shutdown(std::net::Shutdown::Write).unwrap();
                crate::scenes::wait_until(&pair.server, |info| {
                    info.state == Some(TcpState::CloseWait)
                });
            }
            pair.server.write_all(b"the last words").unwrap();
            let address = pair.address();
            // The descriptor is closed, and another takes its place.
            pair.server = std::net::TcpStream::connect(listener().local_addr().unwrap())
                .unwrap_or_else(|_| pair.client.try_clone().unwrap());
            until_sent_again(address, state, 3);
            let args = ["--local", &end, "--state", word];
            let (code, ping, summary) = ping_of(&args);
            assert_eq!((code, &ping["answer"]), (1, &"not-now".into()), "{ping:#}");
            assert!(ping["unanswered"].as_u64() >= Some(3), "{ping:#}");
            assert!(
                ping["text"].as_str().unwrap().starts_with("closed "),
                "{ping:#}"
            );
            assert_eq!(summary["peer_is"], "gone");
            if can_destroy() {
                is_destroyed_or_said_to_stay(&args);
            }
        }
    });
}

/// Linux before 6.12, unless it was given the mend, takes the question to destroy what has no
/// descriptor and leaves it (net/ipv4/tcp.c, `tcp_abort`).
fn is_destroyed_or_said_to_stay(args: &[&str]) {
    let args = [&["kill", "--unreachable", "--yes"], args].concat();
    let (code, kills, summaries) = lines(&args, KILLS);
    assert_eq!(kills[0]["verdict"], "destroy", "{kills:?}");
    let summary = &summaries[0];
    let stays = summary["still_there"] == 1;
    if stays && deadpeer_sys::kernel_version() < Some(KernelVersion::new(6, 12)) {
        assert_eq!((code, &summary["destroyed"]), (1, &0.into()), "{summary:#}");
        return skip("this kernel destroys nothing that has no descriptor");
    }
    assert_eq!((code, &summary["destroyed"]), (0, &1.into()), "{summary:#}");
}

/// Where the first of them stays, the others are left to the kernel, which ends them by itself.
#[test]
fn of_several_that_were_closed_all_go_or_none_is_lost() {
    in_private_netns(|| {
        if !can_destroy() {
            return;
        }
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut pair = gone();
            pair.server.write_all(b"the last words").unwrap();
            let address = pair.address();
            drop(pair.server);
            clients.push(pair.client);
            until_sent_again(address, TcpState::FinWait1, 3);
        }
        let args = ["kill", "--unreachable", "--yes", "--state", "fin-wait-1"];
        let (code, kills, summaries) = lines(&args, KILLS);
        assert_eq!(kills.len(), 3, "{kills:?}");
        let counted = ["destroyed", "still_there"].map(|name| summaries[0][name].as_u64());
        if deadpeer_sys::kernel_version() < Some(KernelVersion::new(6, 12)) {
            assert!(
                [(1, [Some(0), Some(3)]), (0, [Some(3), Some(0)])].contains(&(code, counted)),
                "{code} {counted:?}"
            );
        } else {
            assert_eq!((code, counted), (0, [Some(3), Some(0)]));
        }
    });
}

#[test]
fn a_connection_being_made_asks_by_its_syns() {
    in_private_netns(|| {
        let listener = listener();
        sockopt::mute(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&address.into()).unwrap_err();
        let peer = address.to_string();
        let args = ["--peer", &peer];
        let (code, ping, _) = ping_of(&args);
        // On a machine that is slow enough it has been sent as often by now.
        let is_gone = ping["unanswered"].as_u64() >= Some(3);
        assert_eq!(code, if is_gone { 1 } else { 3 }, "{ping:#}");
        assert_eq!(ping["state"], "syn-sent", "{ping:#}");
        assert!(
            ping["text"].as_str().unwrap().starts_with("connecting: "),
            "{ping:#}"
        );
        until_sent_again(address, TcpState::SynSent, 3);
        let (code, _, summary) = ping_of(&args);
        assert_eq!((code, &summary["peer_is"]), (1, &"gone".into()));
        if can_destroy() {
            assert_eq!(kill(&args).1["destroyed"], 1);
            assert!(socket.take_error().unwrap().is_some());
        }
    });
}

#[test]
fn what_is_over_is_shown_where_it_is_asked_for() {
    in_private_netns(|| {
        std::fs::write("/proc/sys/net/ipv4/tcp_fin_timeout", "300").unwrap();
        let pair = crate::scenes::talking();
        let end = server_end(&pair);
        let server = pair.address();
        let client = pair.client.local_addr().unwrap();
        drop(pair.client);
        let args = ["--peer", &end, "--local", &client.to_string()].map(str::to_owned);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        // The client's end waits for the server's FIN, and then for old segments.
        let bound = Instant::now() + BOUND;
        let closing = [&args[..], &["--state", "fin-wait-2"]].concat();
        let waits = [&["ping", "-c", "1"], &closing[..]].concat();
        while lines(&waits, PINGS).1.is_empty() {
            assert!(Instant::now() < bound, "no FIN_WAIT2 of {client}");
        }
        let (code, ping, _) = ping_of(&closing);
        assert_eq!(code, 3, "{ping:#}");
        let text = ping["text"].as_str().unwrap();
        assert!(text.contains("waits for the peer"), "{text}");
        // A minute less on a timer of this state, and then as long again; looking takes its time.
        let left = ["(for another 8m ", "(for another 7m "];
        assert!(left.iter().any(|left| text.contains(left)), "{text}");
        drop(pair.server);
        let over = [&args[..], &["--state", "time-wait"]].concat();
        loop {
            let (_, pings, _) = lines(&[&["ping", "-c", "1"], &over[..]].concat(), PINGS);
            if let Some(ping) = pings.first() {
                assert!(
                    ping["text"]
                        .as_str()
                        .unwrap()
                        .starts_with("closed on both sides")
                );
                break;
            }
            assert!(Instant::now() < bound, "no TIME_WAIT of {server}");
        }
        let (code, pings, _) = lines(&[&["ping", "-c", "1"], &args[..]].concat(), PINGS);
        assert_eq!((code, pings.len()), (3, 0), "only where it is asked for");
    });
}

#[test]
fn whoever_does_not_read_what_was_written_before_close_is_not_retransmitted_to() {
    in_private_netns(|| {
        let Pair {
            client, mut server, ..
        } = pair(&SocketOptions::default());
        server.set_nonblocking(true).unwrap();
        while server.write(&[0; 1 << 16]).is_ok() {}
        drop(server);
        let probed = |kind| kind == TimerKind::ZeroWindowProbe;
        let bound = Instant::now() + BOUND;
        let mut diag = SockDiag::open().unwrap();
        let mut is_probed = false;
        while !is_probed {
            assert!(Instant::now() < bound, "its window is not probed");
            let request = Request {
                states: States::NONE.with(TcpState::FinWait1),
                tcp_info: false,
            };
            let dumped = diag.dump(request, |socket| {
                is_probed |= socket.timer.is_some_and(|timer| probed(timer.kind));
                ControlFlow::Continue(())
            });
            dumped.unwrap();
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // Whom the peer has just answered needs no word about it.
        let said = "closed here: the peer's window is closed and data waits";
        for verb in [
            &["ping", "-c", "1"][..],
            &["kill", "--unreachable", "--yes"],
        ] {
            let mut ran = run(&[verb, &["--state", "fin-wait-1"]].concat());
            while !ran.stdout.contains(said) {
                assert!(Instant::now() < bound, "{verb:?}: {}", ran.stdout);
                ran = run(&[verb, &["--state", "fin-wait-1"]].concat());
            }
            assert_eq!(ran.code, 3, "{verb:?}: {}", ran.stdout);
        }
        drop(client);
    });
}
