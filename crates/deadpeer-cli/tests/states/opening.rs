//! On the way in: SYN_SENT, SYN_RECV, and queues.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer::{Apply as _, SocketOptions};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, listen, socket_with};
use serde_json::Value;

use crate::common::population::listener;
use crate::common::{json, of_type, run};

/// A socket that has begun to connect, once `prepare` had it.
fn connecting(to: SocketAddr, prepare: impl FnOnce(&OwnedFd)) -> OwnedFd {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
    prepare(&socket);
    assert_eq!(connect(&socket, &to), Err(Errno::INPROGRESS));
    socket
}

/// A listener that hears nothing.
fn silent() -> TcpListener {
    let silent = listener();
    sockopt::mute(&silent).unwrap();
    silent
}

fn syn_sent() -> Vec<Value> {
    let lines = json(&["audit", "--each", "--json", "--state", "syn-sent"]);
    of_type(&lines, "connection")
}

/// The SYN is no data: tcp_syn_retries, or TCP_SYNCNT, decides, not tcp_retries2.
#[test]
fn a_syn_is_given_up_by_its_own_count() {
    in_private_netns(|| {
        let silent = silent();
        let to = silent.local_addr().unwrap();
        let _socket = connecting(to, |_| {});
        let ends = syn_sent()[0]["ends"]["latest_ms"].as_u64().unwrap();
        assert!((127_000..140_000).contains(&ends), "{ends}");
        let each = run(&["audit", "--each", "--state", "syn-sent"]);
        assert!(
            each.stdout.contains("SYN sends again in"),
            "{}",
            each.stdout
        );
        assert!(!each.stdout.contains("unacknowledged"), "{}", each.stdout);
    });
    in_private_netns(|| {
        let silent = silent();
        let to = silent.local_addr().unwrap();
        let _socket = connecting(to, |socket| {
            SocketOptions::new().syncnt(1).apply(socket).unwrap();
        });
        for flags in [&[][..], &["--no-bpf"]] {
            let args = ["audit", "--each", "--json", "--state", "syn-sent"];
            let lines = json(&[&args, flags].concat());
            let ends = of_type(&lines, "connection")[0]["ends"]["latest_ms"]
                .as_u64()
                .unwrap();
            assert!(ends < 10_000, "{flags:?}: {ends}");
        }
    });
}

/// A request whose last acknowledgement does not come.
#[test]
fn a_request_is_given_up_by_tcp_synack_retries() {
    in_private_netns(|| {
        let listener = listener();
        let client = connecting(listener.local_addr().unwrap(), |socket| {
            sockopt::mute(socket).unwrap();
        });
        let lines = json(&["audit", "--each", "--json", "--state", "syn-recv"]);
        let line = &of_type(&lines, "connection")[0];
        assert_eq!(
            (&line["inode"], &line["waiting"]),
            (&Value::Null, &Value::Null)
        );
        let ends = line["ends"]["latest_ms"].as_u64().unwrap();
        // Five retries after 1, 2, 4, 8 and 16 s, and a last wait of 32 s.
        assert!((50_000..75_000).contains(&ends), "{line}");
        let each = run(&["audit", "--each", "--state", "syn-recv"]);
        assert!(each.stdout.contains("SYN-ACK "), "{}", each.stdout);
        drop(client);
    });
}

/// The client has acknowledged, and its request is data that does not come.
#[test]
fn a_deferred_request_is_no_syn_ack_that_is_sent_again() {
    in_private_netns(|| {
        // Until its standard input ends.
        let script = "import socket, sys; l = socket.create_server(('127.0.0.1', 0)); l.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30); print(l.getsockname()[1], flush=True); sys.stdin.read()";
        let mut server = Command::new("python3");
        server.args(["-c", script]);
        server.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = server.spawn().unwrap();
        let mut port = String::new();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().unwrap();
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let bound = Instant::now() + Duration::from_secs(30);
        let deferred = "acknowledged, waits for data (TCP_DEFER_ACCEPT)";
        loop {
            let each = run(&["audit", "--each", "--state", "syn-recv"]).stdout;
            if each.contains(deferred) {
                break;
            }
            assert!(each.contains("SYN-ACK sent, looks again in"), "{each}");
            assert!(Instant::now() < bound, "{each}");
        }
        drop(server.stdin.take());
        server.wait().unwrap();
    });
}

#[test]
fn a_full_queue_is_a_finding() {
    in_private_netns(|| {
        let listener = listener();
        listen(&listener, 2).unwrap();
        let to = listener.local_addr().unwrap();
        let connect = || TcpStream::connect(to).unwrap();
        let mut queued = vec![connect(), connect()];
        let port = to.port().to_string();
        let full = "3 of 2 wait to be accepted: new connections get no answer";
        for flags in [&["--no-bpf"][..], &["--no-owners"], &[]] {
            let ran = run(&[&["audit", "--port", &port], flags].concat());
            assert!(
                !ran.stdout.contains("wait to be accepted"),
                "{}",
                ran.stdout
            );
        }
        queued.push(connect());
        for flags in [&["--no-bpf"][..], &["--no-owners"], &[]] {
            let ran = run(&[&["audit", "--port", &port], flags].concat());
            assert!(ran.stdout.contains(full), "{flags:?}: {}", ran.stdout);
        }
        assert!(queued.iter().all(|client| client.as_raw_fd() > 0));
    });
}
