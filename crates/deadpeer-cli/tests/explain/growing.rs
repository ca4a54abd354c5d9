//! Captures that are still being written: told as they grow, and until an interrupt.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::captures;
use crate::common::deadpeer;

#[test]
fn standard_input_is_told_while_it_is_written() {
    let bytes = fs::read(captures().join("midway.pcap")).unwrap();
    let (mut child, mut stdin, mut lines) = piped(&["explain", "-", "--packets", "--utc"]);
    // The head of the file and two packets; the writer is not done yet.
    let half = 24 + 2 * (16 + 66);
    stdin.write_all(&bytes[..half]).unwrap();
    stdin.flush().unwrap();
    let second = lines.by_ref().nth(1).unwrap().unwrap();
    assert!(
        second.contains("<- answer to a keepalive probe"),
        "{second}"
    );
    stdin.write_all(&bytes[half..]).unwrap();
    drop(stdin);
    assert_eq!(lines.count() + 2, 10);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn an_interrupt_ends_the_writer_and_the_story_is_told() {
    let bytes = fs::read(captures().join("keepalive.pcap")).unwrap();
    let (mut child, mut stdin, mut lines) = piped(&["explain", "-", "--packets", "--json"]);
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    stdin.write_all(half).unwrap();
    // It reads: so it watches for the signal already.
    lines.next().unwrap().unwrap();
    interrupt(&child);
    stdin.write_all(rest).unwrap();
    drop(stdin);
    let last = lines.last().unwrap().unwrap();
    assert!(last.contains("\"deaths\":1"), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn the_interface_is_told_as_packets_pass() {
    deadpeer_sys::testing::in_private_netns(|| {
        let (mut child, _stdin, output) = piped(&[
            "explain",
            "--live",
            "lo",
            "--packets",
            "--json",
            "--for",
            "60s",
        ]);
        let (told, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in output {
                let _ = told.send(line.unwrap());
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Until its socket is open, packets pass unseen.
        let seen = (0..600).find_map(|_| {
            let client = TcpStream::connect(address).unwrap();
            drop((client, listener.accept().unwrap()));
            lines.recv_timeout(Duration::from_millis(100)).ok()
        });
        assert!(seen.is_some_and(|line| line.contains("\"type\":\"packet\"")));
        interrupt(&child);
        let rest: Vec<String> = lines.iter().collect();
        assert_eq!(
            child.wait().unwrap().code(),
            Some(130),
            "before its time was over"
        );
        let last: serde_json::Value = serde_json::from_str(rest.last().unwrap()).unwrap();
        assert_eq!(last["type"], "capture");
        assert_eq!(last["lost"], 0);
        assert!(last["connections"].as_u64() >= Some(1));
    });
}

/// Runs the command, with its input and the lines of its output at hand.
fn piped(arguments: &[&str]) -> (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
    let mut child = deadpeer(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, stdin, lines)
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}
