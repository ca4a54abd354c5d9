//! Heartbeats between programs: both ends in Rust, and each way with the end in Python.

#[path = "../programs/mod.rs"]
#[allow(dead_code, reason = "two tests share it, and each uses its own part")]
mod programs;
mod recipes;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use deadpeer_sys::testing::{in_private_netns, skip};

use programs::Program;

/// What the programs are told.
const DEADLINE: &str = "4";
/// For something that must come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than the deadline: only pings keep a silent pair together.
const LONGER: Duration = Duration::from_secs(5);

/// `heartbeat.py`; `None`: there is no Python 3.
fn python(arguments: &[&str]) -> Option<Command> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("heartbeat.py");
    let mut command = Command::new("python3");
    if command.arg("--version").output().is_err() {
        skip("no python3");
        return None;
    }
    let mut command = Command::new("python3");
    command.arg(script).args(arguments);
    Some(command)
}

fn rust_server() -> Program {
    Program::start(
        "heartbeat_server",
        &["127.0.0.1:0", DEADLINE],
        "listening at ",
    )
}

fn rust_client(address: &str) -> Program {
    Program::start("heartbeat_client", &[address, DEADLINE], "connected to ")
}

fn python_server() -> Option<Program> {
    let mut command = python(&["listen", "127.0.0.1:0", DEADLINE])?;
    Some(Program::run(&mut command, "listening at "))
}

/// Its output is what it hears.
fn python_client(address: &str) -> Option<Program> {
    let mut command = python(&["connect", address, DEADLINE])?;
    Some(Program::run(&mut command, ""))
}

/// No line for longer than the deadline: nobody gave anybody up.
fn lives(program: &mut Program) {
    let line = program.line_within(LONGER);
    assert_eq!(line, None, "alive and silent");
}

#[test]
fn the_python_end_reads_the_specification() {
    let vectors = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/heartbeat-vectors.json"
    );
    let Some(mut command) = python(&["test", vectors]) else {
        return;
    };
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complaint}");
    assert!(said.lines().count() >= 40, "{said}");
}

#[test]
fn python_asks_rust() {
    in_private_netns(|| {
        let mut server = rust_server();
        let Some(mut client) = python_client(&server.address()) else {
            return;
        };
        client.say("a word");
        assert_eq!(client.line(PATIENCE), "a word");
        lives(&mut server);
        client.say("another");
        assert_eq!(client.line(PATIENCE), "another");
        client.say_no_more();
        assert_eq!(client.line(PATIENCE), "finished");
        let line = server.line(PATIENCE);
        assert!(line.ends_with(" finished"), "{line:?}");
    });
}

#[test]
fn rust_asks_python() {
    in_private_netns(|| {
        let Some(mut server) = python_server() else {
            return;
        };
        let mut client = rust_client(&server.address());
        client.say("a word");
        assert_eq!(client.line(PATIENCE), "heard a word");
        lives(&mut client);
        client.say("another");
        assert_eq!(client.line(PATIENCE), "heard another");
        client.say_no_more();
        assert_eq!(client.line(PATIENCE), "finished");
        assert_eq!(server.line(PATIENCE), "finished");
    });
}

#[test]
fn a_frozen_python_is_found_out() {
    in_private_netns(|| {
        let mut server = rust_server();
        let Some(mut client) = python_client(&server.address()) else {
            return;
        };
        client.say("a word");
        assert_eq!(client.line(PATIENCE), "a word");
        client.freeze();
        let line = server.line(PATIENCE);
        assert!(line.contains("application has been silent"), "{line:?}");
        assert!(line.contains("though its kernel answers"), "{line:?}");
    });
}

#[test]
fn python_finds_out_a_frozen_rust() {
    in_private_netns(|| {
        let mut server = rust_server();
        let Some(mut client) = python_client(&server.address()) else {
            return;
        };
        client.say("a word");
        assert_eq!(client.line(PATIENCE), "a word");
        server.freeze();
        assert_eq!(client.line(PATIENCE), "the peer is gone: silent");
        server.thaw();
        let line = server.line(PATIENCE);
        assert!(line.contains(" is gone: "), "{line:?}");
    });
}

#[test]
fn a_killed_program_says_no_goodbye() {
    in_private_netns(|| {
        let mut server = rust_server();
        let mut client = rust_client(&server.address());
        client.say("a word");
        assert_eq!(client.line(PATIENCE), "heard a word");
        client.kill();
        let line = server.line(PATIENCE);
        assert!(line.ends_with("ended without a goodbye"), "{line:?}");
    });
}

/// A pause that is shorter than the deadline is none of anybody's business.
#[test]
fn a_short_nap_is_forgiven() {
    in_private_netns(|| {
        let mut server = rust_server();
        let mut client = rust_client(&server.address());
        client.say("a word");
        assert_eq!(client.line(PATIENCE), "heard a word");
        client.freeze();
        std::thread::sleep(Duration::from_secs(1));
        client.thaw();
        lives(&mut server);
        client.say("another");
        assert_eq!(client.line(PATIENCE), "heard another");
    });
}

/// As two machines that are suspended together, for longer than the deadline: each sees that it slept itself.
#[test]
fn a_long_sleep_of_both_is_nobodys_fault() {
    in_private_netns(|| {
        let mut server = rust_server();
        let mut clients = vec![rust_client(&server.address())];
        clients.extend(python_client(&server.address()));
        for client in &mut clients {
            client.say("a word");
            let line = client.line(PATIENCE);
            assert!(line.ends_with("a word"), "{line:?}");
        }
        let programs = || clients.iter().chain([&server]);
        programs().for_each(Program::freeze);
        std::thread::sleep(LONGER);
        programs().for_each(Program::thaw);
        lives(&mut server);
        for client in &mut clients {
            client.say("another");
            let line = client.line(PATIENCE);
            assert!(line.ends_with("another"), "{line:?}");
        }
    });
}
