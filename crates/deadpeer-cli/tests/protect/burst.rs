//! Thousands of connections within this machine, whose probes must not all meet in one tick.

use std::net::TcpStream;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use deadpeer_sys::tcp_info;
use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::common::{of_type, population::listener, ran};
use crate::sockets::{Undo, has_bpf, options};

/// Twice as many ends, six times what the backlog holds: in one tick, most would not be answered
/// within three probes.
const CONNECTIONS: usize = 3_000;
/// Some probe after 5 s of silence.
const WITHIN: [&str; 3] = ["--within", "26s", "--yes"];
const REFUSED: &str = "too-many-in-one-tick";
const BOUND: Duration = Duration::from_secs(120);

/// One crowd at a time: the backlog is every namespace's, and the files are every test's.
static TURN: Mutex<()> = Mutex::new(());

/// Runs the test beside all ends of the connections, if there can be so many.
fn in_a_crowd(test: impl FnOnce(Vec<TcpStream>, Undo) + Send) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if has_files(2 * CONNECTIONS as u64 + 200) {
        in_private_netns(|| test(connections(), Undo::new()));
    }
}

#[test]
fn all_live_ones_survive() {
    if !has_bpf() {
        return;
    }
    in_a_crowd(|ends, undo| {
        let lines = undo.lines(0, &[&["--all"], &WITHIN[..]].concat());
        let warnings = of_type(&lines, "warning");
        let said = warnings.iter().find(|line| line["code"] == "in-portions");
        let said = said.unwrap_or_else(|| panic!("{warnings:?}"));
        assert_eq!(said["count"], 2 * CONNECTIONS, "{said}");
        let done = Instant::now();

        // Nobody writes: whoever hears something now has probed, and was answered.
        let bound = done + BOUND;
        loop {
            let dead = ends.iter().filter(|end| is_dead(end)).count();
            assert_eq!(dead, 0, "of {} ends", ends.len());
            let silent = ends.iter().filter(|end| !has_heard_since(end, done));
            match silent.count() {
                0 => break,
                n => assert!(Instant::now() < bound, "{n} ends have not probed"),
            }
            sleep(Duration::from_millis(300));
        }
    });
}

#[test]
fn interrupted_between_two_portions() {
    if !has_bpf() {
        return;
    }
    in_a_crowd(|ends, undo| {
        let mut command = undo.command(&[&["--all"], &WITHIN[..]].concat());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let bound = Instant::now() + BOUND;
        // The file is in its place before the first portion, and the last is seconds away.
        let file = loop {
            let mut files = undo.files().into_iter();
            if let Some(file) = files.find(|file| file.to_str().unwrap().ends_with(".undo.json")) {
                break file;
            }
            assert!(Instant::now() < bound, "it did not begin");
            sleep(Duration::from_millis(10));
        };
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ran = ran(child.wait_with_output());
        assert_eq!(ran.code, 130, "{}", ran.stderr);
        assert!(ran.stderr.contains("interrupted after"), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(file.to_str().unwrap()),
            "{}",
            ran.stderr
        );
        undo.undo_file(&file, &[]);
        assert!(ends.iter().all(|end| !options(end).keepalive));
    });
}

#[test]
fn more_than_fit_into_an_idle_time_are_refused() {
    in_a_crowd(|ends, undo| {
        let refused = |within: &&str| {
            let args = [
                "--all",
                "--no-bpf",
                "--json",
                "--dry-run",
                "--within",
                within,
            ];
            undo.protect(&args).stdout.contains(REFUSED)
        };
        // Where steps become wider depends on the clock rate: with HZ 250 and 300 the first, with
        // 1000 the second, with 100 the third.
        let within = ["45s", "80s", "120s"].into_iter().find(refused).unwrap();
        let lines = undo.lines(1, &["--all", "--no-bpf", "--yes", "--within", within]);
        let warnings = of_type(&lines, "warning");
        assert!(
            warnings.iter().any(|line| line["code"] == REFUSED),
            "{warnings:?}"
        );
        assert_eq!(of_type(&lines, "protect_summary")[0]["changed"], 0);
        assert!(undo.files().is_empty());
        assert!(ends.iter().all(|end| !options(end).keepalive));
    });
}

fn connections() -> Vec<TcpStream> {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let pair = || {
        let here = TcpStream::connect(address).unwrap();
        [here, listener.accept().unwrap().0]
    };
    (0..CONNECTIONS).flat_map(|_| pair()).collect()
}

fn is_dead(end: &TcpStream) -> bool {
    end.take_error().unwrap().is_some()
        || tcp_info(end).unwrap().state != Some(deadpeer_core::TcpState::Established)
}

fn has_heard_since(end: &TcpStream, since: Instant) -> bool {
    let info = tcp_info(end).unwrap();
    let heard = Duration::from_millis(u64::from(info.last_ack_recv_ms.unwrap()));
    heard < since.elapsed()
}

/// Whether this process may have so many files open.
fn has_files(wanted: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        skip(&format!("the limit of open files is below {wanted}"));
        return false;
    }
    let raised = Rlimit {
        current: limit.current.map(|now| now.max(wanted)),
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    true
}
