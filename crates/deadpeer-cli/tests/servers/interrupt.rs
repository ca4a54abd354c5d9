//! Interrupted, it ends its server in an orderly way and leaves nothing behind.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::room::{Room, installed};

/// Says where it is, and what it was told at its end.
const SERVER: &str = "
import http.server, os, signal, sys
def end(*_):
    open('ended', 'w').write('in order')
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
server = http.server.ThreadingHTTPServer(('', 8000), http.server.BaseHTTPRequestHandler)
open('ready', 'w').write(os.readlink('/proc/self/ns/net'))
server.serve_forever()
";

/// What is left of a long test that was interrupted.
struct Interrupted {
    code: i32,
    stdout: String,
    stderr: String,
    room: Room,
}

/// Starts a long test and interrupts it once its first result is known.
fn interrupted(interrupt: impl FnOnce(Pid)) -> Option<Interrupted> {
    let python = installed("python3")?;
    let room = Room::new();
    room.file("server.py", SERVER.as_bytes());
    let mut command = room.deadpeer(
        "--within 60s --port 8000 --clients 1",
        &[&python, "server.py"],
    );
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let ready = room.path().join("ready");
    let began = Instant::now();
    while !ready.exists() {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("no private namespaces"), "{said}");
            deadpeer_sys::testing::skip(&said);
            return None;
        }
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let namespace = std::fs::read_to_string(&ready).unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    while !stderr.contains("close idle: passed") {
        assert_ne!(told.read_line(&mut stderr).unwrap(), 0, "{stderr}");
    }
    interrupt(Pid::from_child(&child));
    told.read_to_string(&mut stderr).unwrap();
    let output = child.wait_with_output().unwrap();
    let began = Instant::now();
    while in_namespace(&namespace) {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "a process is left"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(Interrupted {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr,
        room,
    })
}

/// Whether any process is in this network namespace.
fn in_namespace(namespace: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|process| std::fs::read_link(process.ok()?.path().join("ns/net")).ok())
        .any(|link| link == Path::new(namespace))
}

#[test]
fn control_c_ends_the_server_in_order() {
    // As a terminal does: to the whole group.
    let Some(left) = interrupted(|group| {
        kill_process_group(group, Signal::INT).unwrap();
    }) else {
        return;
    };
    assert_eq!(left.code, 130);
    let last = std::fs::read_to_string(left.room.path().join("ended")).unwrap();
    assert_eq!(last, "in order");
}

#[test]
fn what_was_measured_until_then_is_told() {
    let Some(left) = interrupted(|group| {
        kill_process_group(group, Signal::INT).unwrap();
    }) else {
        return;
    };
    let line = |begins: &str| {
        let mut lines = left.stdout.lines();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.any(|line| words(line).starts_with(begins))
    };
    assert!(line("PASS close idle"), "{}", left.stdout);
    assert!(line("OPEN power-off idle"), "{}", left.stdout);
    assert!(line("Interrupted: "), "{}", left.stdout);
    let said = left.stderr.lines().last().unwrap();
    assert!(said.contains("cases came to an answer"), "{said}");
}

#[test]
fn sigterm_to_the_command_alone_ends_everything() {
    let Some(left) = interrupted(|pid| kill_process(pid, Signal::TERM).unwrap()) else {
        return;
    };
    assert_eq!(left.code, 128 + 15);
}
