//! `protect --sysctl`: what a kernel without `TCP_RTO_MAX_MS` needs for a short deadline that keeps
//! slow readers, and others don't.
#![expect(
    clippy::print_stdout,
    reason = "what was measured is looked at in the log of the virtual machine"
)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use deadpeer::SocketOptions;
use deadpeer_sys::{sockopt, sysctl};
use serde_json::Value;

use crate::common::population::{Pair, pair};
use crate::common::{Ran, deadpeer, json, of_type, ran};
use crate::on_this_kernel;

const DEADLINE: Duration = Duration::from_secs(30);
/// Longer than the kernel waits with data in flight, and than the deadline.
const SLOW: Duration = Duration::from_secs(40);
const PROTECT: [&str; 8] = [
    "protect",
    "--all",
    "--within",
    "30s",
    "--sysctl",
    "--except",
    "zero-window",
    "--undo-file",
];

fn retries2() -> u32 {
    sysctl::get("tcp_retries2").unwrap()
}

fn protect(undo: &Path, more: &[&str]) -> Vec<Value> {
    let undo = undo.to_str().unwrap();
    json(&[&PROTECT[..], &[undo, "--json"], more].concat())
}

fn undo(file: &Path) -> Ran {
    ran(deadpeer(&["protect", "--yes", "--undo", file.to_str().unwrap()]).output())
}

#[test]
fn it_is_rehearsed_set_and_undone() {
    on_this_kernel(|promised| {
        let pair = pair(&SocketOptions::default());
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("undo");
        let before = retries2();
        let planned = of_type(&protect(&file, &["--dry-run"]), "protect_sysctl");
        assert_eq!((retries2(), file.exists()), (before, false));
        let done = protect(&file, &["--yes"]);
        let summary = &of_type(&done, "protect_summary")[0];
        assert_eq!(summary["changed"], 3, "{summary}");
        if promised.caps_rto() {
            assert_eq!((planned.len(), retries2()), (0, before));
        } else {
            println!("{}", planned[0]);
            assert_eq!(planned[0]["before"], before);
            assert_eq!(planned[0]["after"], retries2());
            assert_eq!(summary["sysctls"][0]["after"], retries2());
            assert!(retries2() < before);
        }
        let undone = undo(&file);
        assert_eq!(undone.code, 0, "{}{}", undone.stdout, undone.stderr);
        let said = format!("net.ipv4.tcp_retries2 is {before} again.");
        assert_eq!(undone.stdout.contains(&said), !promised.caps_rto());
        assert_eq!((retries2(), file.exists()), (before, false));
        assert!(!sockopt::effective(&pair.client).unwrap().keepalive);
    });
}

#[test]
fn killed_at_any_moment_it_can_be_undone() {
    on_this_kernel(|_| {
        let pair = pair(&SocketOptions::default());
        let before = retries2();
        for moment in [
            // Recorded, and perhaps not yet set.
            (|file: &Path, _: u32| file.exists()) as fn(&Path, u32) -> bool,
            |_, before| retries2() != before,
        ] {
            let state = tempfile::tempdir().unwrap();
            let file = state.path().join("undo");
            let args = [&PROTECT[..], &[file.to_str().unwrap(), "--yes"]].concat();
            let mut child = deadpeer(&args)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let bound = Instant::now() + Duration::from_secs(60);
            while !moment(&file, before) && child.try_wait().unwrap().is_none() {
                assert!(Instant::now() < bound, "it neither ended nor began");
                std::hint::spin_loop();
            }
            // It may have ended by itself.
            let _ = child.kill();
            child.wait().unwrap();
            let undone = undo(&file);
            assert_eq!(undone.code, 0, "{}{}", undone.stdout, undone.stderr);
            assert_eq!(retries2(), before);
            assert!(!sockopt::effective(&pair.client).unwrap().keepalive);
        }
    });
}

#[test]
fn thirty_seconds_are_kept_and_a_slow_reader_lives() {
    on_this_kernel(|_| {
        let [idle, in_flight, late, slow] = [(); 4].map(|()| pair(&SocketOptions::default()));
        let sent = fill(&slow);
        let state = tempfile::tempdir().unwrap();
        let done = protect(&state.path().join("undo"), &["--yes"]);
        let summary = &of_type(&done, "protect_summary")[0];
        assert_eq!(summary["failed"], Value::Array(vec![]), "{summary}");
        std::thread::scope(|scope| {
            let vanish = |name: &'static str, pair: &Pair, write_after: Option<Duration>| {
                let (peer, socket) = (
                    pair.server.try_clone().unwrap(),
                    pair.client.try_clone().unwrap(),
                );
                scope.spawn(move || {
                    let took = noticed(&peer, socket, write_after);
                    println!("{name}: noticed after {:.1} s", took.as_secs_f64());
                    assert!(took <= DEADLINE, "{name}: {took:?}");
                });
            };
            vanish("idle", &idle, None);
            vanish("in flight", &in_flight, Some(Duration::ZERO));
            // Before keepalive's verdict, which then plays no part any more.
            vanish("late write", &late, Some(Duration::from_secs(10)));
            scope.spawn(|| reads_late(&slow, sent));
        });
    });
}

/// Hears from the peer, lets it vanish, writes, and returns how long the kernel took to give up.
fn noticed(mut peer: &TcpStream, mut socket: TcpStream, write_after: Option<Duration>) -> Duration {
    socket.set_read_timeout(Some(4 * DEADLINE)).unwrap();
    socket.write_all(b"x").unwrap();
    peer.read_exact(&mut [0]).unwrap();
    // What has vanished asks nothing either, and resets nothing when that has no answer.
    sockopt::set_keepalive(peer, false).unwrap();
    sockopt::mute(peer).unwrap();
    let vanished = Instant::now();
    if let Some(after) = write_after {
        std::thread::sleep(after);
        socket.write_all(b"x").unwrap();
    }
    let error = socket.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    vanished.elapsed()
}

/// Writes to a peer that does not read until no more fits, and returns how much that was.
fn fill(pair: &Pair) -> usize {
    pair.client.set_nonblocking(true).unwrap();
    let mut sent = 0;
    loop {
        match (&pair.client).write(&[0; 65_536]) {
            Ok(bytes) => sent += bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The window has been closed for longer than any vanished peer is waited for; then all of it
/// arrives.
fn reads_late(pair: &Pair, sent: usize) {
    std::thread::sleep(SLOW);
    let alive = pair.client.take_error().unwrap();
    assert!(alive.is_none(), "{alive:?}");
    pair.server.set_read_timeout(Some(4 * DEADLINE)).unwrap();
    (&pair.server).read_exact(&mut vec![0; sent]).unwrap();
    println!(
        "slow reader: all {sent} bytes arrived after {} s",
        SLOW.as_secs()
    );
}
