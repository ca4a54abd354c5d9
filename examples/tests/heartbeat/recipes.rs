//! Pings of WebSocket and HTTP/2, and HTTP/1 over a heartbeat: each finds out a frozen program and
//! leaves a living one alone.

use std::process::Command;
use std::thread;

use deadpeer_sys::testing::in_private_netns;

use crate::programs::Program;
use crate::{DEADLINE, PATIENCE, lives};

/// A protocol with its server and its client, what to say to the client, and what it answers.
struct Protocol {
    name: &'static str,
    word: &'static str,
    answer: &'static str,
    /// What whoever finds the other frozen says of it.
    frozen: &'static str,
}

const PROTOCOLS: [Protocol; 3] = [
    Protocol {
        name: "websocket",
        word: "a word",
        answer: "heard a word",
        frozen: "the peer has been silent",
    },
    Protocol {
        name: "http2",
        word: "/",
        answer: "got the report",
        frozen: "keep-alive timed out",
    },
    Protocol {
        name: "tower",
        word: "/",
        answer: "got the report",
        frozen: "though its kernel answers",
    },
];

impl Protocol {
    /// Both programs, after a first word and its answer.
    fn start(&self) -> (Program, Program) {
        let server = format!("{}_server", self.name);
        let server = Program::start(&server, &["127.0.0.1:0", DEADLINE], "listening at ");
        let client = format!("{}_client", self.name);
        let client = Program::start(&client, &[&server.address(), DEADLINE], "connected to ");
        let mut both = (server, client);
        self.ask(&mut both.1);
        both
    }

    fn ask(&self, client: &mut Program) {
        client.say(self.word);
        assert_eq!(client.line(PATIENCE), self.answer, "{}", self.name);
    }
}

/// Every protocol at the same time, each in a network of its own.
fn with_each(test: impl Fn(&Protocol) + Send + Sync) {
    thread::scope(|scope| {
        for protocol in &PROTOCOLS {
            let test = &test;
            scope.spawn(move || in_private_netns(|| test(protocol)));
        }
    });
}

/// The next line that begins with some words, whatever else is said before.
fn line_with(program: &mut Program, words: &str) -> String {
    loop {
        let line = program.line(PATIENCE);
        if line.contains(words) {
            return line;
        }
    }
}

#[test]
fn the_living_are_left_alone() {
    with_each(|protocol| {
        let (mut server, mut client) = protocol.start();
        // Silent for longer than the deadline.
        lives(&mut client);
        protocol.ask(&mut client);
        drop(client);
        let line = server.line(PATIENCE);
        let wrong = line.contains("silent") || line.contains("timed out");
        assert!(!wrong, "{}: {line:?}", protocol.name);
    });
}

#[test]
fn frozen_servers() {
    with_each(|protocol| {
        let (server, mut client) = protocol.start();
        server.freeze();
        let line = client.line(PATIENCE);
        assert!(line.starts_with("the server is gone: "), "{line:?}");
        assert!(line.contains(protocol.frozen), "{line:?}");
    });
}

#[test]
fn frozen_clients() {
    with_each(|protocol| {
        let (mut server, client) = protocol.start();
        client.freeze();
        let line = line_with(&mut server, " is gone: ");
        assert!(line.contains(protocol.frozen), "{line:?}");
    });
}

/// The work stops with the program that waits for it.
#[test]
fn long_answers_are_given_up() {
    with_each(|protocol| {
        if protocol.name == "websocket" {
            return;
        }
        let (mut server, mut client) = protocol.start();
        client.say("/report");
        assert_eq!(server.line(PATIENCE), "the report is begun");
        client.freeze();
        line_with(&mut server, "the report stopped after ");
    });
}

/// A host that vanishes is noticed as well.
#[test]
fn hosts_that_vanish() {
    with_each(|protocol| {
        let (_server, mut client) = protocol.start();
        // Nothing passes any more, and nobody says so.
        let down = Command::new("ip")
            .args(["link", "set", "lo", "down"])
            .status();
        assert!(down.expect("ip(8)").success());
        let line = client.line(PATIENCE);
        assert!(line.starts_with("the server is gone: "), "{line:?}");
    });
}
