//! Programs that hang, are frozen, or leave their sockets open, and what the audit says of each.

use std::io::{ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer_sys::sockopt;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::audit::Audit;
use crate::common::multipath::Multipath;
use crate::common::{of_type, run};
use crate::nginx::Nginx;
use crate::program::{BOUND, Program, ask, with_program};
use crate::redis::{ADDRESS, redis};
use crate::sshd;

/// Looks until there is a line of this type that fits.
fn wait_for(kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let bound = Instant::now() + BOUND + BOUND;
    loop {
        let lines = Audit::grouped(&[]).lines;
        if let Some(line) = of_type(&lines, kind).into_iter().find(&fits) {
            return line;
        }
        assert!(Instant::now() < bound, "no such {kind} in {lines:#?}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn hangs(process: &str, awaited: &str) -> Value {
    wait_for("hanging", |line| {
        line["process"] == process && line["awaited"] == awaited
    })
}

/// Stops the process that holds the listener of this address.
fn freeze(program: &Program, listener: &str) {
    let audit = Audit::each(&["--state", "listen", "--local", listener]);
    let owners = audit.listener(listener).owners;
    assert!(!owners.is_empty(), "{}", program.said());
    for owner in owners {
        let pid = Pid::from_raw(owner.pid.try_into().unwrap()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
    }
}

/// A frozen program: its kernel goes on to take and to acknowledge until the window is closed, and
/// the audit of either end says who it is.
#[test]
fn a_frozen_redis_is_told_from_one_that_is_gone() {
    with_program("redis-server", |executable| {
        let (server, mut client) = redis(executable, "0", ADDRESS);
        freeze(&server, ADDRESS);
        client.set_nonblocking(true).unwrap();
        let more = vec![b'x'; 1 << 20];
        loop {
            match client.write(&more) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let here = hangs("redis-server", "program");
        assert!(here["unread_bytes"].as_u64().unwrap() > 1_000, "{here}");
        assert!(here["longest_ms"].as_u64().unwrap() >= 10_000, "{here}");
        let there = wait_for("hanging", |line| line["awaited"] == "reader");
        assert_eq!(
            (&there["role"], &there["port"]),
            (&"outgoing".into(), &6379.into())
        );
        assert_eq!(there["last_ends"], Value::Null, "{there}");
        let said = run(&["audit"]).stdout;
        assert!(
            said.contains("NOT READ HERE: 1 connection of redis-server"),
            "{said}"
        );
        assert!(
            said.contains("PEER DOES NOT READ: 1 connection of"),
            "{said}"
        );
        assert!(!said.contains("HUNG NOW"), "{said}");

        // The same peer, gone: nothing answers the probes of its window any more.
        sockopt::mute(&client).unwrap();
        let gone = wait_for("hanging", |line| line["awaited"] == "window-probe");
        assert_eq!(gone["port"], 6379, "{gone}");
        assert_eq!(gone["last_ends"]["notice"], "within", "{gone}");
        assert!(
            run(&["audit"])
                .stdout
                .contains("Next: deadpeer kill --unreachable")
        );
    });
}

#[test]
fn a_response_of_nginx_that_nobody_acknowledges() {
    with_program("nginx", |executable| {
        let mut nginx = Nginx::start(executable);
        nginx
            .on
            .write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            .and_then(|()| Ok(sockopt::mute(&nginx.on)?))
            .unwrap();
        let line = wait_for("hanging", |line| line["process"] == "nginx");
        // It may have answered before the client was mute, and then nothing is in flight but the
        // next answer; either way it is the client that is waited for.
        assert_eq!(line["address"], "127.0.0.1:80", "{line}");
        let awaited = line["awaited"].as_str().unwrap();
        assert!(["acknowledgement", "probe"].contains(&awaited), "{line}");
        assert!(line["longest_ms"].as_u64().unwrap() >= 3_000, "{line}");
        assert_eq!(line["last_ends"]["notice"], "within", "{line}");
        let said = run(&["audit", "--within", "1s"]).stdout;
        assert!(
            said.contains("HUNG NOW: 1 connection of nginx from 127.0.0.1"),
            "{said}"
        );
        assert!(
            said.contains("Next: deadpeer protect --within 1s --"),
            "{said}"
        );
        drop(nginx.server);
    });
}

/// A server in Python that forgets to close.
#[test]
fn a_python_that_never_closes_leaks() {
    const SERVER: &str = "
import socket
server = socket.create_server(('127.0.0.1', 8095), backlog=64)
kept = []
while True:
    accepted = server.accept()[0]
    accepted.recv(10)
    kept.append(accepted)
";
    with_program("python3", |executable| {
        let mut server = Program::start(executable, &["-c", SERVER]);
        let mut client = server.connect("127.0.0.1:8095");
        client.write_all(b"hi").unwrap();
        drop(client);
        // Of a peer that has closed, the parts of Multipath TCP show nothing.
        let multipath = Multipath::new().map(|multipath| {
            multipath.talk();
            drop(multipath.client);
            multipath.server
        });
        let leaks = |fits: fn(&Value) -> bool| {
            wait_for("leak", |line| line["process"] == "python3" && fits(line))
        };
        let leak = leaks(|line| line["close_wait"] == 1);
        if let Some(server) = multipath {
            wait_for("leak", |line| {
                line["process"] != "python3" && line["close_wait"] == 1
            });
            drop(server);
        }
        assert_eq!(
            (&leak["role"], &leak["over"]),
            (&"listening".into(), &0.into())
        );
        assert!(leak["oldest_ms"].as_u64().unwrap() >= 10_000, "{leak}");
        let ran = run(&["audit", "--within", "30s"]);
        let said = "LEAK: the peer of 1 connection of python3 (127.0.0.1:8095) has closed, and \
                    the program does not close its side";
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
        // Keepalive is no help with that.
        let next = "Next: deadpeer kill --silent-for 1m --force --state close-wait";
        assert!(ran.stdout.contains(next), "{}", ran.stdout);
        let leak = ["--within", "30s", "--state", "close-wait"];
        let said = run(&[&["audit"], &leak[..]].concat()).stdout;
        assert_eq!(said.matches("Next: ").count(), 1, "{said}");

        // Its connections end, and leave descriptors that no table shows.
        let all = ["--all-matching", "--force", "--yes"];
        let filter = ["kill", "--state", "close-wait", "--port", "8095"];
        let destroyed = run(&[&filter[..], &all].concat());
        assert_eq!(
            destroyed.code, 0,
            "{}{}",
            destroyed.stdout, destroyed.stderr
        );
        let leak = leaks(|line| line["over"] == 1);
        assert_eq!(
            (&leak["close_wait"], &leak["port"]),
            (&0.into(), &8095.into())
        );
        for flags in [&["--no-bpf"][..], &["--port", "8095"]] {
            let said = run(&[&["audit"], flags].concat()).stdout;
            let over = "LEAK: 1 descriptor of python3 (port 8095) has no connection any more";
            assert!(said.contains(over), "{said}");
        }
    });
}

/// A backend that answers no SYN.
#[test]
fn a_connect_of_haproxy_that_nobody_answers() {
    with_program("haproxy", |executable| {
        let backend = TcpListener::bind("127.0.0.1:0").unwrap();
        sockopt::mute(&backend).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("haproxy.cfg");
        let text = format!(
            "defaults\n mode tcp\n timeout connect 5m\n timeout client 5m\n timeout server 5m\n\
             listen l\n bind 127.0.0.1:8080\n server s {}\n",
            backend.local_addr().unwrap()
        );
        std::fs::write(&configuration, text).unwrap();
        let mut server =
            Program::start(executable, &["-db", "-f", configuration.to_str().unwrap()]);
        let _client = server.connect("127.0.0.1:8080");
        let line = hangs("haproxy", "connection");
        assert_eq!(line["role"], "outgoing", "{line}");
        let ends = line["last_ends"]["latest_ms"].as_u64().unwrap();
        // tcp_syn_retries is 6.
        assert!((60_000..140_000).contains(&ends), "{line}");
        let audit = Audit::each(&["--state", "syn-sent", "--within", "30s"]);
        assert_eq!(audit.code, 1, "{:#?}", audit.lines);
    });
}

/// Frozen, it accepts nobody: the queue of its listener is full.
#[test]
fn a_frozen_sshd_with_a_full_queue() {
    with_program("sshd", |executable| {
        let folder = tempfile::tempdir().unwrap();
        let mut server = sshd::start(executable, folder.path(), "no");
        let mut client = server.connect(sshd::ADDRESS);
        ask(&mut client, b"", b"SSH-2.0");
        freeze(&server, sshd::ADDRESS);
        // sshd allows for 128; the kernel takes one more.
        let queued: Vec<TcpStream> = (0..129)
            .map(|_| TcpStream::connect(sshd::ADDRESS).unwrap())
            .collect();
        let listener = Audit::each(&["--state", "listen"]).listener(sshd::ADDRESS);
        let full = listener
            .findings
            .iter()
            .find(|finding| finding.code == "accept-queue-full");
        assert!(full.is_some(), "{listener:?}");
        let said = run(&["audit"]).stdout;
        let full = "129 of 128 wait to be accepted: new connections get no answer";
        assert!(said.contains(full), "{said}");
        drop(queued);
    });
}
