//! `deadpeer audit` reads through descriptors or by eBPF: which, why, and that it makes no
//! difference.

mod common;

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use deadpeer::SocketOptions;
use deadpeer_sys::netns;
use deadpeer_sys::testing::{in_private_netns, skip};
use serde_json::Value;

use common::population::{Holder, Pair, keepalive, listener, pair};
use common::{json, of_type, run};

/// More than files may be open at once, as long as that is not raised.
#[test]
fn namespaces_are_read_however_few_files_a_shell_allows() {
    in_private_netns(|| {
        let others: Vec<Holder> = (0..24)
            .map(|_| netns::private(|| Holder::plain(listener())).unwrap())
            .collect();
        let mut line = format!("ulimit -Sn 32; exec {}", env!("CARGO_BIN_EXE_deadpeer"));
        line += " audit --json --no-bpf";
        for other in &others {
            line += &format!(" --pid {}", other.pid());
        }
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = lines.lines().map(common::read_back).collect();
        assert_eq!(of_type(&lines, "warning"), [] as [Value; 0]);
        assert_eq!(of_type(&lines, "summary")[0]["listeners"], 24, "{lines:?}");
    });
}

/// The lines of an audit with these flags, as far as they don't change from one moment to the next,
/// and what it used.
fn audit(flags: &[&str]) -> (Vec<Value>, String) {
    let arguments = ["audit", "--json", "--each", "--within", "300s"];
    let mut lines = json(&[&arguments, flags].concat());
    let summary = of_type(&lines, "summary").remove(0);
    let used = summary["read_by"].as_str();
    let used = used.expect("settings were asked for").to_owned();
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        line.retain(|name, _| {
            let passing = ["doing", "notices_in", "ends", "timer", "read_by"];
            !passing.contains(&name.as_str()) && !name.starts_with("tcpi_")
        });
    }
    lines.sort_by_key(|line| line["local"].to_string() + &line["peer"].to_string());
    (lines, used)
}

/// The same by eBPF alone; skips where that can't be had.
fn by_ebpf() -> Option<Vec<Value>> {
    let refused = run(&["audit", "--bpf"]);
    if refused.code == 2 {
        skip(&refused.stderr);
        return None;
    }
    let (lines, used) = audit(&["--bpf"]);
    assert_eq!(used, "ebpf");
    Some(lines)
}

/// Connections with and without settings.
fn some() -> [Pair; 2] {
    [
        pair(&SocketOptions::default()),
        pair(&keepalive(120, 30, 4)),
    ]
}

/// A listener with a connection that waits to be accepted.
fn queued() -> (TcpListener, TcpStream) {
    let listener = listener();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener, client)
}

#[test]
fn every_way_shows_the_same() {
    in_private_netns(|| {
        let pairs = some();
        let (by_descriptors, used) = audit(&["--no-bpf"]);
        assert_eq!(used, "descriptors");
        let (by_itself, _) = audit(&[]);
        assert_eq!(by_itself, by_descriptors);
        let Some(by_ebpf) = by_ebpf() else { return };
        assert_eq!(by_ebpf, by_descriptors);
        drop(pairs);
    });
}

#[test]
fn the_kernel_is_asked_for_what_descriptors_do_not_show() {
    in_private_netns(|| {
        let (pairs, queued) = (some(), queued());
        let Some(by_ebpf) = by_ebpf() else { return };
        let (by_itself, used) = audit(&[]);
        // "ebpf" from the start where this machine has very many open files.
        assert!(["both", "ebpf"].contains(&used.as_str()), "{used}");
        assert_eq!(by_itself, by_ebpf);
        drop((pairs, queued));
    });
}

#[test]
fn many_sockets_are_read_by_ebpf() {
    in_private_netns(|| {
        if by_ebpf().is_none() {
            return;
        }
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let enough = 3_600;
        if files.maximum.is_some_and(|most| most < enough + 200) {
            return skip("too few open files are allowed");
        }
        let _ = rustix::process::setrlimit(
            rustix::process::Resource::Nofile,
            rustix::process::Rlimit {
                current: files.maximum,
                ..files
            },
        );
        let many: Vec<TcpListener> = (0..enough).map(|_| listener()).collect();
        let (lines, used) = audit(&[]);
        assert_eq!(used, "ebpf");
        assert_eq!(of_type(&lines, "listener").len(), many.len());
    });
}

#[test]
fn a_choice_is_kept() {
    in_private_netns(|| {
        let _queued = queued();
        assert_eq!(audit(&["--no-bpf"]).1, "descriptors");
        let both = run(&["audit", "--bpf", "--no-bpf"]);
        assert_eq!(both.code, 2);
        assert!(
            both.stderr.contains("cannot be used with"),
            "{}",
            both.stderr
        );
    });
}
