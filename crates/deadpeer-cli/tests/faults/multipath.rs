//! Multipath TCP, whose parts have one descriptor between them: seen, asked by eBPF, else by its
//! kernel's own questions alone, and destroyed so that its program hears of it.

use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_core::TcpInfo;
use deadpeer_lab::Lab;
use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::testing::inside;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};
use serde_json::Value;
use socket2::Socket;

use crate::common::multipath::Multipath;
use crate::common::population::Holder;
use crate::common::{deadpeer, json, of_type, run};
use crate::hidden::Hidden;

/// What may take a while on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

impl Multipath {
    /// Since nobody is asked who was heard within a second.
    fn wait_until_silent(&self) {
        let silent = |info: &TcpInfo| info.heard_ago() > Some(Duration::from_millis(1_050));
        wait_until(&self.server, silent);
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

/// Its parts are gone from the table, and its descriptor has no TCP_INFO any more.
#[test]
fn its_descriptor_is_counted_once_it_is_over() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        multipath.talk();
        // Of a process in the namespace: a thread of ours is none.
        let _never_connected = Holder::plain(Multipath::socket().unwrap());
        let holder = Holder::plain(multipath.server);
        let over = || {
            let lines = json(&["audit", "--json"]);
            let leaks = of_type(&lines, "leak").into_iter();
            leaks.map(|leak| leak["over"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(over(), [Value::Null; 0]);
        multipath.client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(multipath.client);
        let bound = Instant::now() + BOUND;
        while over() != [1] {
            assert!(Instant::now() < bound, "{:?}", over());
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(holder);
        assert_eq!(over(), [Value::Null; 0]);
    });
}

/// Its parts stay established themselves, and are no others' peers.
#[test]
fn close_wait_means_the_parts_of_one_whose_peer_has_closed() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        multipath.talk();
        let end = multipath.end();
        let chosen = |verb: &[&str], state| {
            let of_ours = ["--json", "--local", &end, "--state", state];
            of_type(&json(&[verb, &of_ours].concat()), "connection").len()
        };
        let audits = [&["audit", "--each"][..], &["audit", "--each", "--no-bpf"]];
        let all = |state| audits.map(|audit| chosen(audit, state));
        assert_eq!(all("close-wait"), [0, 0]);
        drop(multipath.client);
        let bound = Instant::now() + BOUND;
        while all("close-wait") != [1, 1] {
            assert!(Instant::now() < bound, "{:?}", all("close-wait"));
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(all("established"), [1, 1]);
        assert_eq!(all("last-ack"), [0, 0]);
        let kill = ["kill", "--all-matching", "--force", "--yes", "--json"];
        let kill = [&kill[..], &["--local", &end, "--state", "close-wait"]].concat();
        let summary = of_type(&json(&kill), "kill_summary")[0].clone();
        assert_eq!(summary["destroyed"], 1, "{summary}");
        assert_eq!(all("close-wait"), [0, 0]);
    });
}

#[test]
fn idle_it_is_asked_like_others_and_is_as_it_was() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        let end = multipath.end();
        let Some(before) = settings(&end) else { return };
        multipath.wait_until_silent();
        let rehearsed = run(&["kill", "--unreachable", "--dry-run", "--local", &end]);
        let asks = rehearsed.stdout.contains("would be asked first");
        assert!(asks && rehearsed.code == 3, "{}", rehearsed.stdout);
        let pinged = run(&["ping", "-c", "2", "--local", &end]);
        assert_eq!(pinged.code, 0, "{}{}", pinged.stdout, pinged.stderr);
        let said = "2 probes sent, 2 answered";
        assert!(pinged.stdout.contains(said), "{}", pinged.stdout);
        multipath.wait_until_silent();
        let killed = run(&["kill", "--unreachable", "--yes", "--local", &end]);
        assert_eq!(killed.code, 0, "{}{}", killed.stdout, killed.stderr);
        assert!(
            killed.stdout.contains("keep: answered"),
            "{}",
            killed.stdout
        );
        assert_eq!(settings(&end), Some(before));
        multipath.assert_untouched();
    });
}

#[test]
fn without_ebpf_it_cannot_be_asked_and_so_is_not_destroyed() {
    in_private_netns(|| {
        let Some(machine) = Hidden::new("/sys/kernel/btf", None) else {
            return;
        };
        let Some(multipath) = Multipath::new() else {
            return;
        };
        let end = multipath.end();
        // The kernel takes who was heard within the last second for alive.
        multipath.wait_until_silent();
        for verb in [
            &["ping", "-c", "1"][..],
            &["kill", "--unreachable", "--dry-run"],
            &["kill", "--unreachable", "--yes"],
        ] {
            let ran = machine.run(&[verb, &["--local", &end]].concat());
            assert_eq!(ran.code, 3, "{verb:?}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stdout.contains("Multipath TCP"), "{}", ran.stdout);
        }
        multipath.assert_untouched();
    });
}

#[test]
fn a_slow_reader_lives_and_a_peer_that_is_gone_is_found_and_destroyed() {
    inside(|| {
        let lab = Lab::with_hosts(["server", "client"]).start().unwrap();
        let [server, client] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        let there = SocketAddr::from((server.v4(), 0));
        let Some((listener, address)) = server.enter(|| Multipath::listener(there)).unwrap() else {
            return;
        };
        let end = address.to_string();
        let connect = || {
            let client = Multipath::socket().unwrap();
            client.connect(&address.into()).unwrap();
            client
        };
        let _client = client.enter(connect).unwrap();
        let (near, _) = listener.accept().unwrap();
        let _slow = client.enter(connect).unwrap();
        let (unread, _) = listener.accept().unwrap();
        if server.enter(|| settings(&end)).unwrap().is_none() {
            return;
        }
        unread.set_nonblocking(true).unwrap();
        let bound = Instant::now() + BOUND;
        // Until its window is closed, and stays so.
        let mut full = Instant::now();
        while full.elapsed() < Duration::from_millis(500) {
            assert!(Instant::now() < bound, "it reads on");
            match unread.send(&[0; 1 << 16]) {
                Ok(_) => full = Instant::now(),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        wait_until(&near, |info| {
            info.heard_ago() > Some(Duration::from_secs(1))
        });
        let slow = unread.peer_addr().unwrap().as_socket().unwrap().to_string();
        let kill = ["kill", "--unreachable", "--yes", "--local", &end];
        let spared = server
            .enter(|| run(&[&kill[..], &["--peer", &slow]].concat()))
            .unwrap();
        assert!(
            !spared.stdout.contains("destroyed and gone"),
            "{}",
            spared.stdout
        );
        let gone = near.peer_addr().unwrap().as_socket().unwrap().to_string();
        let cut = Rule::new("cut", Condition::tcp(), Action::Drop);
        let _cut = lab.wire().add(cut).unwrap();
        let (pinged, killed) = server
            .enter(|| {
                let ping = ["ping", "-c", "1", "--local", &end, "--peer", &gone];
                (run(&ping), run(&[&kill[..], &["--peer", &gone]].concat()))
            })
            .unwrap();
        assert_eq!(pinged.code, 1, "{}{}", pinged.stdout, pinged.stderr);
        if killed.stderr.contains("CONFIG_INET_DIAG_DESTROY") {
            return skip(&killed.stderr);
        }
        assert_eq!(killed.code, 0, "{}{}", killed.stdout, killed.stderr);
        assert!(
            killed.stdout.contains("1 connection destroyed"),
            "{}",
            killed.stdout
        );
        assert_heard(&near);
    });
}

#[test]
fn a_killed_question_leaves_a_record_that_undo_goes_by() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        let end = multipath.end();
        let Some(before) = settings(&end) else { return };
        let folder = tempfile::tempdir().unwrap();
        let of_ours = |args: &[&str]| {
            let mut command = deadpeer(args);
            command.env("XDG_STATE_HOME", folder.path());
            command.stdout(Stdio::null());
            command
        };
        let records = || {
            let files = std::fs::read_dir(folder.path().join("deadpeer"));
            let files = files.into_iter().flatten().map(|file| file.unwrap().path());
            files
                .filter(|file| file.to_str().unwrap().ends_with(".undo.json"))
                .collect::<Vec<_>>()
        };
        let undo_all = || {
            for file in records() {
                let file = file.to_str().unwrap();
                let undo = of_ours(&["protect", "--undo", file, "--yes"]).status();
                assert!(undo.unwrap().success());
            }
            assert!(records().is_empty());
        };
        multipath.wait_until_silent();
        // Killed between two questions, and the loan as it stands within one.
        let mut asking = of_ours(&["ping", "-i", "1h", "--local", &end])
            .spawn()
            .unwrap();
        let bound = Instant::now() + BOUND;
        while records().is_empty() {
            assert!(Instant::now() < bound, "nothing is recorded");
            std::thread::sleep(Duration::from_millis(5));
        }
        asking.kill().unwrap();
        asking.wait().unwrap();
        multipath.server.set_keepalive(true).unwrap();
        sockopt::set_keepidle_s(&multipath.server, 1).unwrap();
        assert_ne!(settings(&end).as_ref(), Some(&before));
        undo_all();
        assert_eq!(settings(&end).as_ref(), Some(&before));
        multipath.server.set_keepalive(false).unwrap();
        // And at some moments of one.
        for after in [20, 40, 60, 80, 120] {
            multipath.wait_until_silent();
            let mut asking = of_ours(&["ping", "-c", "1", "--local", &end])
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(after));
            asking.kill().unwrap();
            asking.wait().unwrap();
            undo_all();
            assert_eq!(settings(&end).as_ref(), Some(&before), "after {after} ms");
        }
        assert_eq!(multipath.client.send(b"x").unwrap(), 1);
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
        let tells = said.contains("the program sees ENOTCONN") && !said.contains("ECONNABORTED");
        assert!(tells, "{said}");
        let beforehand = "nothing was destroyed. Their programs get ENOTCONN";
        assert!(rehearsed.contains(beforehand), "{rehearsed}");
        assert_heard(&near);
    });
}

#[test]
fn it_is_alive_as_long_as_one_of_its_parts_answers() {
    in_private_netns(|| {
        let Some(two) = two_parts() else { return };
        let end = two.end();
        if settings(&end).is_none() {
            return;
        }
        // What is sent to the second address comes to nothing from now on.
        let silenced = ip(&[
            "address del 10.9.0.2/32 dev lo",
            "link add near type veth peer name far",
            "link set near up",
            "link set far up",
            "route add 10.9.0.2/32 dev near",
            "neighbour add 10.9.0.2 lladdr 02:00:00:00:00:01 dev near",
        ]);
        if !silenced {
            return;
        }
        // The second part, which this is not read of, was heard until a little later.
        wait_until(&two.server, |info| {
            info.heard_ago() > Some(Duration::from_secs(2))
        });
        let pinged = run(&["ping", "-c", "1", "--local", &end]);
        assert_eq!(pinged.code, 0, "{}{}", pinged.stdout, pinged.stderr);
        for reply in ["not answered within", "answered in"] {
            assert!(pinged.stdout.contains(reply), "{reply}: {}", pinged.stdout);
        }
        let killed = run(&["kill", "--unreachable", "--yes", "--local", &end]);
        assert_eq!(killed.code, 0, "{}{}", killed.stdout, killed.stderr);
        assert!(
            killed.stdout.contains("Nothing was destroyed"),
            "{}",
            killed.stdout
        );
        let spared = "keep: another part of its connection is alive";
        assert!(killed.stdout.contains(spared), "{}", killed.stdout);
        assert_eq!(parts(&end), 2);
    });
}

#[test]
fn one_of_its_parts_is_destroyed_and_it_goes_on_over_the_other() {
    in_private_netns(|| {
        let Some(two) = two_parts() else { return };
        let end = two.end();
        let kill = ["kill", "--all-matching", "--force", "--yes", "--json"];
        let first = [&kill[..], &["--local", &end, "--peer", "10.9.0.2"]].concat();
        let summary = of_type(&json(&first), "kill_summary")[0].clone();
        assert_eq!(summary["multipath_going_on"], 1, "{summary}");
        assert_eq!(two.client.send(b"still here").unwrap(), 10);
        assert_eq!((&two.server).read(&mut [0; 16]).unwrap(), 10);
        let rest = [&kill[..], &["--local", &end]].concat();
        let summary = of_type(&json(&rest), "kill_summary")[0].clone();
        let told = ["destroyed", "multipath_going_on", "multipath_untold"];
        assert_eq!(
            told.map(|key| summary[key].as_u64()),
            [Some(1), Some(0), Some(0)]
        );
        assert_heard(&two.server);
    });
}

/// A connection of two parts.
fn two_parts() -> Option<Multipath> {
    // Another address of ours, over which a second part joins once data flows.
    let joined = ip(&[
        "address add 10.9.0.1/32 dev lo",
        "address add 10.9.0.2/32 dev lo",
        "mptcp limits set subflow 4 add_addr_accepted 4",
        "mptcp endpoint add 10.9.0.2 dev lo subflow",
    ]);
    let listener = Multipath::listener("10.9.0.1:0".parse().unwrap());
    let two = Multipath::connected(listener.filter(|_| joined)?);
    let bound = Instant::now() + BOUND;
    while parts(&two.end()) < 2 {
        assert!(Instant::now() < bound, "no second part joins");
        for (from, to) in [(&two.client, &two.server), (&two.server, &two.client)] {
            assert_eq!(from.send(b"x").unwrap(), 1);
            assert_eq!((&*to).read(&mut [0; 4]).unwrap(), 1);
        }
    }
    Some(two)
}

/// How many connections this end shows.
fn parts(end: &str) -> usize {
    let lines = json(&["audit", "--json", "--each", "--local", end]);
    of_type(&lines, "connection").len()
}

/// Whether all of this was done by ip(8), or said why not.
fn ip(all: &[&str]) -> bool {
    all.iter().all(|args| {
        let done = Command::new("ip").args(args.split(' ')).output().unwrap();
        if !done.status.success() {
            skip(&String::from_utf8_lossy(&done.stderr));
        }
        done.status.success()
    })
}

/// The options of the first connection with this end, as the kernel shows them; `None`, and said,
/// where it can't be asked.
fn settings(end: &str) -> Option<Value> {
    let lines = json(&["audit", "--json", "--each", "--local", end]);
    let settings = of_type(&lines, "connection")[0]["settings"].clone();
    if settings.is_null() {
        skip("no eBPF");
        return None;
    }
    Some(settings)
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
