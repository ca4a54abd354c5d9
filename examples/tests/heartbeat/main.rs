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
    between(rust_server, python_client, talk);
}

#[test]
fn rust_asks_python() {
    between(python_server, rust_client, talk);
}

/// A silence, words again, and an end in good order.
fn talk(mut server: Program, mut client: Program) {
    lives(&mut server);
    echo(&mut client, "another");
    client.say_no_more();
    assert_eq!(client.line(PATIENCE), "finished");
    let line = server.line(PATIENCE);
    assert!(line.ends_with("finished"), "{line:?}");
}

#[test]
fn a_frozen_python_is_found_out() {
    between(rust_server, python_client, |mut server, client| {
        client.freeze();
        let line = server.line(PATIENCE);
        assert!(line.contains("application has been silent"), "{line:?}");
        assert!(line.contains("though its kernel answers"), "{line:?}");
    });
}

#[test]
fn python_finds_out_a_frozen_rust() {
    between(rust_server, python_client, |mut server, mut client| {
        server.freeze();
        assert_eq!(client.line(PATIENCE), "the peer is gone: silent");
        server.thaw();
        let line = server.line(PATIENCE);
        assert!(line.contains(" is gone: "), "{line:?}");
    });
}

#[test]
fn a_killed_program_says_no_goodbye() {
    between(rust_server, rust_client, |mut server, mut client| {
        client.kill();
        let line = server.line(PATIENCE);
        assert!(line.ends_with("ended without a goodbye"), "{line:?}");
    });
}

/// A pause that is shorter than the deadline is none of anybody's business.
#[test]
fn a_short_nap_is_forgiven() {
    between(rust_server, rust_client, |mut server, mut client| {
        client.freeze();
        std::thread::sleep(Duration::from_secs(1));
        client.thaw();
        lives(&mut server);
        echo(&mut client, "another");
    });
}

/// As two machines that are suspended together, for longer than the deadline: each sees that it
/// slept itself.
#[test]
fn a_long_sleep_of_both_is_nobodys_fault() {
    between(rust_server, rust_client, |mut server, client| {
        let mut clients = vec![client];
        if let Some(mut client) = python_client(&server.address()) {
            echo(&mut client, "a word");
            clients.push(client);
        }
        let programs = || clients.iter().chain([&server]);
        programs().for_each(Program::freeze);
        std::thread::sleep(LONGER);
        programs().for_each(Program::thaw);
        lives(&mut server);
        for client in &mut clients {
            echo(client, "another");
        }
    });
}

/// Runs a test with a server and a client that have exchanged a first word, unless it takes a
/// Python that isn't there.
fn between(
    server: fn() -> Option<Program>,
    client: fn(&str) -> Option<Program>,
    test: impl FnOnce(Program, Program) + Send,
) {
    in_private_netns(|| {
        let Some(server) = server() else { return };
        let Some(mut client) = client(&server.address()) else {
            return;
        };
        echo(&mut client, "a word");
        test(server, client);
    });
}

fn rust_server() -> Option<Program> {
    Some(rust("heartbeat_server", "127.0.0.1:0", "listening at "))
}

fn rust_client(address: &str) -> Option<Program> {
    Some(rust("heartbeat_client", address, "connected to "))
}

fn rust(name: &str, address: &str, prompt: &str) -> Program {
    Program::start(name, &[address, DEADLINE], prompt)
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

/// Says something to a client, to which the server says it again. The one in Rust prints that it
/// `heard` it.
fn echo(client: &mut Program, words: &str) {
    client.say(words);
    let line = client.line(PATIENCE);
    assert_eq!(line.strip_prefix("heard ").unwrap_or(&line), words);
}

/// No line for longer than the deadline: nobody gave anybody up.
fn lives(program: &mut Program) {
    let line = program.line_within(LONGER);
    assert_eq!(line, None, "alive and silent");
}
