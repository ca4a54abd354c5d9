//! Multipath TCP, whose parts have one descriptor between them: seen, not asked but by its kernel's
//! own questions, and destroyed so that its program hears of it.

use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use deadpeer_core::TcpInfo;
use deadpeer_lab::Lab;
use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::testing::inside;
use deadpeer_sys::testing::{in_private_netns, skip};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::common::{json, of_type, run};

/// What may take a while on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

/// A listener with an accepted connection, its server's end last.
struct Multipath {
    address: SocketAddr,
    _listener: Socket,
    client: Socket,
    server: Socket,
}

impl Multipath {
    fn new() -> Option<Self> {
        let (listener, address) = Self::listener("127.0.0.1:0".parse().unwrap())?;
        let client = Self::socket().unwrap();
        client.connect(&address.into()).unwrap();
        let (server, _) = listener.accept().unwrap();
        Some(Self {
            address,
            _listener: listener,
            client,
            server,
        })
    }

    fn socket() -> io::Result<Socket> {
        Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP))
    }

    fn listener(address: SocketAddr) -> Option<(Socket, SocketAddr)> {
        let listener = match Self::socket() {
            Ok(listener) => listener,
            Err(error) => {
                skip(&format!("no Multipath TCP: {error}"));
                return None;
            }
        };
        listener.bind(&address.into()).unwrap();
        listener.listen(8).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        Some((listener, address))
    }

    fn wait_until(&self, is_so: impl Fn(&TcpInfo) -> bool) {
        wait_until(&self.server, is_so);
    }

    fn end(&self) -> String {
        self.address.to_string()
    }

    fn assert_untouched(&self) {
        assert!(!self.server.keepalive().unwrap());
        assert_eq!(self.client.send(b"x").unwrap(), 1);
    }
}

#[test]
fn audit_knows_its_settings_or_says_why_not() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        let end = multipath.end();
        let audit = |flags: &[&str]| {
            let args = ["audit", "--json", "--each", "--local", &end];
            let lines = json(&[&args, flags].concat());
            let [connection] = &of_type(&lines, "connection")[..] else {
                panic!("one connection: {lines:?}");
            };
            let read_by = of_type(&lines, "summary")[0]["read_by"].clone();
            (connection.clone(), read_by)
        };
        let owned = |connection: &Value| connection["owners"][0]["pid"] == std::process::id();
        let (connection, _) = audit(&["--no-bpf"]);
        assert!(owned(&connection), "{connection}");
        assert_eq!(connection["settings"], Value::Null);
        assert_eq!(connection["settings_unknown"], "Multipath TCP");
        let (connection, read_by) = audit(&[]);
        // Looked for once more by the kernel itself, which has to find it as well.
        assert!(owned(&connection), "{connection}");
        match read_by.as_str() {
            Some("descriptors") => assert_eq!(connection["settings"], Value::Null),
            _ => assert_eq!(connection["settings"]["so_keepalive"], false),
        }
        multipath.assert_untouched();
    });
}

#[test]
fn idle_it_cannot_be_asked_and_so_is_not_destroyed() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        let end = multipath.end();
        // The kernel takes who was heard within the last second for alive.
        multipath.wait_until(|info| info.heard_ago() > Some(Duration::from_secs(1)));
        for verb in [
            &["ping", "-c", "1"][..],
            &["kill", "--unreachable", "--dry-run"],
            &["kill", "--unreachable", "--yes"],
        ] {
            let ran = run(&[verb, &["--local", &end]].concat());
            assert_eq!(ran.code, 3, "{verb:?}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stdout.contains("Multipath TCP"), "{}", ran.stdout);
        }
        multipath.assert_untouched();
    });
}

#[test]
fn its_kernels_own_questions_count_and_its_program_hears_at_once_that_it_was_destroyed() {
    inside(|| {
        let lab = Lab::with_hosts(["server", "client"]).start().unwrap();
        let [server, client] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        let there = SocketAddr::from((server.v4(), 0));
        let Some((listener, address)) = server.enter(|| Multipath::listener(there)).unwrap() else {
            return;
        };
        let _client = client
            .enter(|| {
                let client = Multipath::socket().unwrap();
                client.connect(&address.into()).unwrap();
                client
            })
            .unwrap();
        let (near, _) = listener.accept().unwrap();
        let cut = Rule::new("cut", Condition::tcp(), Action::Drop);
        let _cut = lab.wire().add(cut).unwrap();
        near.send(b"into the void").unwrap();
        wait_until(&near, |info| info.retransmits >= Some(3));
        let (pinged, rehearsed, killed) = server
            .enter(|| {
                let end = address.to_string();
                let pinged = run(&["ping", "-c", "1", "--local", &end]);
                let kill = |how| run(&["kill", "--unreachable", how, "--local", &end]);
                (pinged, kill("--dry-run").stdout, kill("--yes"))
            })
            .unwrap();
        assert_eq!(pinged.code, 1, "{}{}", pinged.stdout, pinged.stderr);
        if killed.stderr.contains("CONFIG_INET_DIAG_DESTROY") {
            return skip(&killed.stderr);
        }
        assert_eq!(killed.code, 0, "{}{}", killed.stdout, killed.stderr);
        let said = &killed.stdout;
        let tells = said.contains("whose program sees ENOTCONN") && !said.contains("ECONNABORTED");
        assert!(tells, "{said}");
        let beforehand = "nothing was destroyed. Their programs get ENOTCONN";
        assert!(rehearsed.contains(beforehand), "{rehearsed}");
        assert_heard(&near);
    });
}

#[test]
fn one_of_its_parts_is_destroyed_and_it_goes_on_over_the_other() {
    in_private_netns(|| {
        // Another address of ours, over which a second part joins once data flows.
        for args in [
            "address add 10.9.0.1/24 dev lo",
            "address add 10.9.0.2/24 dev lo",
            "mptcp limits set subflow 4 add_addr_accepted 4",
            "mptcp endpoint add 10.9.0.2 dev lo subflow",
        ] {
            let done = Command::new("ip").args(args.split(' ')).output().unwrap();
            if !done.status.success() {
                return skip(&String::from_utf8_lossy(&done.stderr));
            }
        }
        let Some((listener, address)) = Multipath::listener("10.9.0.1:0".parse().unwrap()) else {
            return;
        };
        let client = Multipath::socket().unwrap();
        client.connect(&address.into()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let end = address.to_string();
        let parts = || {
            let lines = json(&["audit", "--json", "--each", "--local", &end]);
            of_type(&lines, "connection").len()
        };
        let bound = Instant::now() + BOUND;
        while parts() < 2 {
            assert!(Instant::now() < bound, "no second part joins");
            for (from, to) in [(&client, &server), (&server, &client)] {
                assert_eq!(from.send(b"x").unwrap(), 1);
                assert_eq!((&*to).read(&mut [0; 4]).unwrap(), 1);
            }
        }
        let kill = ["kill", "--all-matching", "--force", "--yes", "--json"];
        let first = [&kill[..], &["--local", &end, "--peer", "10.9.0.2"]].concat();
        let summary = of_type(&json(&first), "kill_summary")[0].clone();
        assert_eq!(summary["multipath_going_on"], 1, "{summary}");
        assert_eq!(client.send(b"still here").unwrap(), 10);
        assert_eq!((&server).read(&mut [0; 16]).unwrap(), 10);
        let rest = [&kill[..], &["--local", &end]].concat();
        let summary = of_type(&json(&rest), "kill_summary")[0].clone();
        let told = ["destroyed", "multipath_going_on", "multipath_untold"];
        assert_eq!(
            told.map(|key| summary[key].as_u64()),
            [Some(1), Some(0), Some(0)]
        );
        assert_heard(&server);
    });
}

/// A blocked or later read of the program.
fn assert_heard(socket: &Socket) {
    socket.set_read_timeout(Some(BOUND)).unwrap();
    let heard = (&*socket).read(&mut [0; 4]).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::NotConnected));
}

fn wait_until(socket: &Socket, is_so: impl Fn(&TcpInfo) -> bool) {
    let bound = Instant::now() + BOUND;
    while !is_so(&deadpeer_sys::tcp_info(socket).unwrap()) {
        assert!(Instant::now() < bound, "it does not come to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}
