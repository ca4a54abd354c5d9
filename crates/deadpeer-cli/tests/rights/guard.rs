//! `guard` of the whole machine: what it may not enter is counted and told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use deadpeer_sys::testing::in_private_netns;

use crate::common::capabilities::{can_drop_capabilities, only_with, with_capabilities};
use crate::common::guarding::Guarding;
use crate::common::population::{Holder, listener};

#[test]
fn namespaces_that_it_may_not_enter_are_told() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        let holder = Holder::plain(listener());
        in_private_netns(|| {
            let once = |capabilities| {
                let ran = with_capabilities(capabilities, &["guard", "--once", "--netns", "all"]);
                assert_eq!((ran.code, &*ran.stderr), (0, ""));
                ran.stdout
            };
            let all = once("sys_admin,sys_ptrace,net_admin,bpf,perfmon");
            assert!(!all.contains("could not be entered"), "{all}");
            let less = once("sys_ptrace,net_admin,bpf,perfmon");
            assert!(
                less.contains("could not be entered: what runs there is not seen."),
                "{less}"
            );
            assert!(
                less.contains("is not guarded: ") && less.contains("CAP_SYS_ADMIN"),
                "{less}"
            );
            let least = once("sys_ptrace,net_admin");
            for words in [
                "How connections are protected is checked seldom, and only through their descriptors: ",
                "Deaths are seen late, and without their errors: ",
            ] {
                assert!(
                    least.contains(words) && !all.contains(words),
                    "{least}{all}"
                );
            }
            drop(holder);
        });
    });
}

/// What it lacks a capability for is said before it begins, and shown.
#[test]
fn what_it_may_not_do_is_said_and_shown() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        let all = "bpf,net_admin,perfmon,sys_admin,sys_ptrace";
        let (said, shown) = said_and_shown(all);
        assert!(!said.contains("that needs CAP_"), "{said}");
        assert!(!shown.contains("} 0"), "{shown}");
        assert!(shown.contains("deadpeer_ebpf 1"), "{shown}");
        let (said, shown) = said_and_shown("bpf,perfmon,sys_admin");
        for words in [
            "nothing is destroyed, though a policy says so (all): that needs CAP_NET_ADMIN",
            "no policy chooses these by process: that needs CAP_SYS_PTRACE",
        ] {
            assert!(said.contains(words), "{said}");
        }
        for line in [
            "deadpeer_capability{capability=\"CAP_NET_ADMIN\"} 0.0",
            "deadpeer_capability{capability=\"CAP_SYS_PTRACE\"} 0.0",
            "deadpeer_capability{capability=\"CAP_BPF\"} 1.0",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
        let (said, shown) = said_and_shown("net_admin,sys_ptrace");
        assert!(shown.contains("deadpeer_ebpf 0"), "{shown}");
        assert!(said.contains("needs CAP_BPF and CAP_PERFMON"), "{said}");
    });
}

/// What a guard with these capabilities says before it begins, and its metrics of capabilities.
fn said_and_shown(capabilities: &str) -> (String, String) {
    const METRICS: &str = "127.0.0.1:9717";
    let guarding = Guarding::new();
    let policy = "[[policy]]\nname = \"all\"\ndeadline = \"30s\"\nsupervise = \"enforce\"\nkill = \"enforce\"\n";
    let args = ["--netns", "own", "--no-history", "--listen", METRICS];
    let guard = guarding.command(policy, &args);
    let mut command: Command = only_with(capabilities, guard.get_args());
    for (name, value) in guard.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let mut running = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("guards by") {
        said += &lines.next().expect("it has ended").unwrap();
    }
    let mut shown = String::new();
    while !shown.contains("deadpeer_sweeps_total 1") {
        let mut scraper = TcpStream::connect(METRICS).unwrap();
        scraper.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        shown.clear();
        scraper.read_to_string(&mut shown).unwrap();
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let lines = shown.lines();
    let what = ["deadpeer_capability{", "deadpeer_ebpf "];
    let lines = lines.filter(|line| what.iter().any(|name| line.starts_with(name)));
    (said, lines.collect::<Vec<_>>().join("\n"))
}
