//! Connections whose peer has closed, and may have forgotten them: a question could be the end.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::process::Stdio;
use std::time::{Duration, Instant};

use deadpeer::{SocketOptions, TcpState};
use deadpeer_lab::Lab;
use deadpeer_lab::testing::inside;
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use deadpeer_sys::testing::{in_private_netns, skip};
use deadpeer_sys::{sockopt, sysctl};
use socket2::{Domain, Socket, Type};

use crate::common::population::{Pair, pair_of};
use crate::common::{deadpeer, run};
use crate::scenes::{BOUND, lines, server_end, wait_until};

const PINGS: [&str; 2] = ["ping", "ping_summary"];
const KILLS: [&str; 2] = ["kill", "kill_summary"];

/// A server's end in CLOSE_WAIT, whose client's kernel has forgotten the connection.
fn forgotten(address: impl Into<IpAddr>) -> Pair {
    sysctl::write("tcp_fin_timeout", 1).unwrap();
    let listener = TcpListener::bind(SocketAddr::new(address.into(), 0)).unwrap();
    let mut pair = pair_of(listener, &SocketOptions::default());
    let ends = (pair.client.local_addr().unwrap(), pair.address());
    // Another takes its place, so that the client's end is closed.
    pair.client = TcpStream::connect(pair.address()).unwrap();
    assert_eq!(pair.server.read(&mut [0]).unwrap(), 0);
    wait_until(&pair.server, |info| {
        info.state == Some(TcpState::CloseWait) && info.last_ack_recv_ms > Some(1_200)
    });
    let bound = Instant::now() + BOUND;
    while knows(ends) {
        assert!(Instant::now() < bound, "{ends:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    pair
}

/// Whether the namespace still knows a socket with these ends, its own first.
fn knows(ends: (SocketAddr, SocketAddr)) -> bool {
    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut found = false;
    let dumped = SockDiag::open().unwrap().dump(request, |socket| {
        found |= (socket.local, socket.peer) == ends;
        ControlFlow::Continue(())
    });
    dumped.unwrap();
    found
}

fn segments_out(pair: &Pair) -> Option<u32> {
    ::deadpeer::inspect(&pair.server).unwrap().segs_out
}

/// Only the end in CLOSE_WAIT.
fn chosen(pair: &Pair) -> Vec<String> {
    let end = server_end(pair);
    ["--state", "close-wait", "--local", &end]
        .map(str::to_owned)
        .to_vec()
}

fn with<'a>(args: &[&'a str], chosen: &'a [String]) -> Vec<&'a str> {
    let chosen = chosen.iter().map(String::as_str);
    args.iter().copied().chain(chosen).collect()
}

#[test]
fn ping_does_not_end_it_unless_told_and_says_when_it_did() {
    in_private_netns(|| {
        let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for address in addresses {
            let pair = forgotten(address);
            let chosen = chosen(&pair);
            let sent = segments_out(&pair);
            let (code, pings, summaries) = lines(&with(&["ping"], &chosen), PINGS);
            assert_eq!((code, &pings[0]["answer"]), (1, &"withheld".into()));
            assert_eq!(summaries[0]["sent"], 0);
            assert_eq!(segments_out(&pair), sent, "nothing was sent");

            let said = run(&with(&["ping", "-c", "1", "--force"], &chosen));
            assert_eq!(said.code, 1, "{}", said.stdout);
            let announced = said.stdout.find("The peers of 1 connection have closed");
            let ended = said.stdout.find("ended by this probe");
            assert!(announced.is_some() && announced < ended, "{}", said.stdout);
            assert!(said.stdout.contains("1 probe sent"), "{}", said.stdout);
            assert_ne!(segments_out(&pair), sent);
        }
    });
}

#[test]
fn a_rehearsal_of_kill_ends_nothing_and_kill_says_what_its_question_did() {
    in_private_netns(|| {
        if !SockDiag::open().unwrap().can_destroy().unwrap() {
            return skip("this kernel lacks CONFIG_INET_DIAG_DESTROY");
        }
        let pair = forgotten(Ipv4Addr::LOCALHOST);
        let chosen = chosen(&pair);
        let sent = segments_out(&pair);
        let rehearsal = with(&["kill", "--unreachable", "--dry-run"], &chosen);
        let (code, kills, summaries) = lines(&rehearsal, KILLS);
        assert_eq!((code, &kills[0]["verdict"]), (3, &"would-ask".into()));
        assert!(kills[0]["text"].as_str().unwrap().contains("has forgotten"));
        assert_eq!(summaries[0]["would_ask"], 1);
        assert_eq!(segments_out(&pair), sent, "nothing was sent");

        let done = with(&["kill", "--unreachable", "--yes"], &chosen);
        let (code, kills, summaries) = lines(&done, KILLS);
        assert_eq!((code, &kills[0]["verdict"]), (0, &"ended".into()));
        assert_eq!(
            (
                &summaries[0]["ended_by_question"],
                &summaries[0]["destroyed"]
            ),
            (&1.into(), &0.into())
        );
    });
}

/// Its program shut down only its sending half: its kernel knows the connection for ever.
#[test]
fn a_half_closed_peer_in_the_namespace_is_asked_like_any() {
    in_private_netns(|| {
        sysctl::write("tcp_fin_timeout", 1).unwrap();
        let pair = pair_of(
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            &SocketOptions::default(),
        );
        pair.client.shutdown(Shutdown::Write).unwrap();
        wait_until(&pair.server, |info| info.last_ack_recv_ms > Some(1_200));
        let chosen = chosen(&pair);
        let (code, pings, _) = lines(&with(&["ping", "-c", "1"], &chosen), PINGS);
        assert_eq!((code, &pings[0]["answer"]), (0, &"answered".into()));
        assert!(!sockopt::keepalive(&pair.server).unwrap());
    });
}

/// The same, and only its end is bound to a device.
#[test]
fn a_half_closed_peer_that_is_bound_to_a_device_is_found() {
    in_private_netns(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.bind_device(Some(b"lo")).unwrap();
        client
            .connect(&listener.local_addr().unwrap().into())
            .unwrap();
        let (server, _) = listener.accept().unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        wait_until(&server, |info| info.last_ack_recv_ms > Some(1_200));
        let end = server.local_addr().unwrap().to_string();
        let args = ["ping", "-c", "1", "--state", "close-wait", "--local", &end];
        let (code, pings, _) = lines(&args, PINGS);
        assert_eq!((code, &pings[0]["answer"]), (0, &"answered".into()));
    });
}

/// On another host nobody can look for the peer's end: it has had the time.
#[test]
fn a_peer_elsewhere_has_likely_forgotten_after_the_time_of_a_kernel() {
    inside(|| {
        let lab = Lab::with_hosts(["ours", "theirs"]).start().unwrap();
        let [ours, theirs] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        // A slow machine takes seconds to ask.
        ours.sysctl("net.ipv4.tcp_fin_timeout", 6).unwrap();
        let listener = ours.enter(|| TcpListener::bind((ours.v4(), 7000)).unwrap());
        let listener = listener.unwrap();
        let connect = || TcpStream::connect((ours.v4(), 7000)).unwrap();
        let client = theirs.enter(connect).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let ping = |more: &[&str]| {
            let mut command = deadpeer(&["ping", "-c", "1", "--port", "7000"]);
            command.args(["--state", "close-wait"]).args(more);
            command.stdout(Stdio::piped());
            let mut process = ours.spawn(&mut command).unwrap();
            let mut said = String::new();
            let mut stdout = process.child().stdout.take().unwrap();
            stdout.read_to_string(&mut said).unwrap();
            (process.wait().unwrap().code(), said)
        };
        wait_until(&server, |info| info.last_ack_recv_ms > Some(1_050));
        let (code, said) = ping(&[]);
        assert!(
            said.contains("The peers of 1 connection have closed"),
            "{said}"
        );
        assert_eq!(code, Some(0), "{said}");
        wait_until(&server, |info| info.last_ack_recv_ms > Some(6_050));
        let (code, said) = ping(&[]);
        assert!(said.contains("most likely forgotten"), "{said}");
        assert_eq!(code, Some(3), "{said}");
        // Its program lives, and had only shut down its sending half.
        let (code, said) = ping(&["--force"]);
        assert!(said.contains("answered in"), "{said}");
        assert_eq!(code, Some(0), "{said}");
    });
}
