//! A kernel without a description of its types (CONFIG_DEBUG_INFO_BTF): no eBPF, and every verb has
//! another way or says so.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;

use deadpeer::SocketOptions;
use deadpeer_sys::testing::in_private_netns;
use serde_json::Value;

use crate::common::population::{listener, pair};
use crate::common::{PROTECT_ALL_TO_COME, of_type};
use crate::hidden::Hidden;

const WHY: &str = "the kernel has no description of its types: /sys/kernel/btf/vmlinux";

fn on_such_a_machine(test: impl FnOnce(&Hidden) + Send) {
    in_private_netns(|| {
        if let Some(machine) = Hidden::new("/sys/kernel/btf", None) {
            test(&machine);
        }
    });
}

#[test]
fn audit_reads_through_descriptors_and_takes_a_waiting_connection_for_its_listeners() {
    on_such_a_machine(|machine| {
        let listener = listener();
        let _waiting = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let audit = machine.run(&["audit", "--json", "--each"]);
        assert_eq!((audit.code, audit.stderr.as_str()), (0, ""));
        let lines: Vec<Value> = audit
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(of_type(&lines, "summary")[0]["read_by"], "descriptors");
        let connections = of_type(&lines, "connection");
        let waiting = connections.iter().find(|line| line["inode"].is_null());
        assert_eq!(waiting.expect("it waits")["settings_from"], "listener");

        let insisted = machine.run(&["audit", "--bpf"]);
        assert_eq!((insisted.code, insisted.stdout.as_str()), (2, ""));
        assert!(insisted.stderr.contains(WHY), "{}", insisted.stderr);
    });
}

#[test]
fn protect_changes_through_descriptors_and_says_what_that_leaves_out() {
    on_such_a_machine(|machine| {
        let pair = pair(&SocketOptions::default());
        // In memory: a busy disk takes its time to say that a file is on it.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let undo = folder.path().join("undo");
        let undo = undo.to_str().unwrap();
        let args = ["protect", "--within", "30s", "--yes", "--undo-file", undo];
        let done = machine.run(&[&args[..], &["--port", &pair.port()]].concat());
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        assert!(done.stdout.contains(WHY), "{}", done.stdout);
        assert!(socket2::SockRef::from(&pair.server).keepalive().unwrap());
        let undone = machine.run(&["protect", "--undo", undo, "--yes"]);
        assert_eq!(undone.code, 0, "{}{}", undone.stdout, undone.stderr);
        assert!(!socket2::SockRef::from(&pair.server).keepalive().unwrap());
    });
}

#[test]
fn connections_still_to_come_are_not_promised_anything() {
    on_such_a_machine(|machine| {
        let refused = machine.run(&PROTECT_ALL_TO_COME);
        assert_eq!(refused.code, 2, "{}", refused.stdout);
        assert!(refused.stderr.contains(WHY), "{}", refused.stderr);
        assert!(refused.stderr.contains("nothing was changed"));
    });
}

#[test]
fn watch_and_run_take_their_other_way_and_say_so() {
    on_such_a_machine(|machine| {
        let watch = machine.run(&["watch", "--json", "--for", "10ms"]);
        assert_eq!(watch.code, 0, "{}", watch.stderr);
        let begun = watch.stdout.lines().next().unwrap();
        let begun: Value = serde_json::from_str(begun).unwrap();
        assert_eq!(begun["means"], "sock-diag");
        let why = begun["without_bpf"].as_str().unwrap();
        assert!(why.contains(WHY), "{why}");

        let run = machine.run(&["run", "--within", "30s", "--", "sh", "-c", "exit 7"]);
        assert_eq!(run.code, 7);
        for said in ["protected as they are found", "Left open: "] {
            assert!(run.stderr.contains(said), "{}", run.stderr);
        }
    });
}

#[test]
fn a_guard_sees_deaths_late_and_says_so() {
    on_such_a_machine(|machine| {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let file = directory.join("history.db");
        let mut command = machine.deadpeer(&["guard", "--netns", "own", "--history"]);
        command.arg(&file).env("RUNTIME_DIRECTORY", directory);
        command.stderr(std::process::Stdio::piped());
        let mut guard = command.spawn().unwrap();
        let said = BufReader::new(guard.stderr.take().unwrap()).lines();
        let said: Vec<String> = said.take(2).map(Result::unwrap).collect();
        let pid = rustix::process::Pid::from_child(&guard);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = guard.wait().unwrap();
        for lack in [
            "how connections are protected is checked seldom",
            "deaths are seen late, and without their errors: ",
        ] {
            let says = |line: &String| line.contains(lack) && line.contains(WHY);
            assert!(said.iter().any(says), "{said:?}");
        }
        assert!(ended.success(), "{ended}");
    });
}
