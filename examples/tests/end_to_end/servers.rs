//! Servers with two clients each: one loses its power in the middle of something, one is slow and
//! lives.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Instant;

use deadpeer_lab::testing::inside;

use crate::programs::Program;
use crate::scene::{DEADLINE, SOON, Scene, acknowledged, connect, hear, start};

/// A server under test.
struct Subject {
    name: &'static str,
    /// What its clients say, and what they are answered.
    question: &'static str,
    answer: &'static str,
    /// What the client that vanishes says last.
    last_words: &'static str,
    /// What the server says when it has noticed.
    noticed: &'static str,
}

const SUBJECTS: [Subject; 4] = [
    Subject {
        name: "thread_server",
        question: "hello",
        answer: "hello",
        last_words: "",
        noticed: "is gone: the peer stopped answering",
    },
    Subject {
        name: "mio_server",
        question: "hello",
        answer: "hello",
        last_words: "",
        noticed: "is gone: silent for",
    },
    Subject {
        name: "tokio_server",
        question: "0\n",
        answer: "done\n",
        last_words: "600\n",
        noticed: "is gone: timed-out",
    },
    Subject {
        name: "axum_server",
        question: "GET / HTTP/1.1\r\nhost: here\r\n\r\n",
        answer: "HTTP/1.1 200 OK\r\n",
        last_words: "GET /report HTTP/1.1\r\nhost: here\r\n\r\n",
        noticed: "the report stopped after",
    },
];

/// A server at work.
struct Served<'a> {
    subject: &'a Subject,
    server: Program,
    doomed: TcpStream,
    living: TcpStream,
}

impl<'a> Served<'a> {
    fn begin(scene: &Scene, subject: &'a Subject, port: u16) -> Self {
        let address = format!("0.0.0.0:{port}");
        let served = Self {
            subject,
            server: start(scene.here(), subject.name, &address, "listening at "),
            doomed: connect(scene.doomed(), scene.here(), port),
            living: connect(scene.far(), scene.here(), port),
        };
        for client in [&served.doomed, &served.living] {
            served.ask(client);
        }
        (&served.doomed)
            .write_all(subject.last_words.as_bytes())
            .unwrap();
        acknowledged(&served.doomed);
        served
    }

    fn ask(&self, mut client: &TcpStream) {
        client.write_all(self.subject.question.as_bytes()).unwrap();
        hear(client, self.subject.answer.as_bytes());
        // The rest of an answer in HTTP.
        if self.subject.answer.starts_with("HTTP") {
            let mut rest = Vec::new();
            while !rest.ends_with(b"ready\n") {
                let mut byte = [0];
                std::io::Read::read_exact(&mut client, &mut byte).unwrap();
                rest.extend(byte);
            }
        }
    }

    /// The server notices, in time.
    fn notices(&mut self, struck: Instant) {
        let Subject { name, noticed, .. } = self.subject;
        let line = loop {
            let line = self.server.line(DEADLINE + SOON);
            if line != "the report is begun" {
                break line;
            }
        };
        assert!(line.contains(noticed), "{name}: {line}");
        assert!(struck.elapsed() < DEADLINE + SOON, "{name}: {line}");
        // It says who, where it knows.
        let doomed = self.doomed.local_addr().unwrap().to_string();
        assert!(line.starts_with("the report") || line.starts_with(&doomed));
    }
}

#[test]
fn servers_notice_a_power_cut_and_keep_who_is_slow() {
    inside(|| {
        let scene = Scene::new();
        let mut served: Vec<Served<'_>> = SUBJECTS
            .iter()
            .zip(8881..)
            .map(|(subject, port)| Served::begin(&scene, subject, port))
            .collect();
        scene.doom();
        let struck = Instant::now();
        served.iter_mut().for_each(|served| served.notices(struck));
        // A whole deadline has passed: the slow clients are still connected, and served.
        served.iter().for_each(|served| served.ask(&served.living));
    });
}

#[test]
fn tonic_stops_work_for_a_client_that_lost_its_power() {
    inside(|| {
        let scene = Scene::new();
        let here = format!("{}:8888", scene.here().v4());
        let mut server = start(
            scene.here(),
            "tonic_server",
            "0.0.0.0:8888",
            "listening at ",
        );
        let mut doomed = start(scene.doomed(), "tonic_client", &here, "connected to ");
        let mut living = start(scene.far(), "tonic_client", &here, "connected to ");
        let mut works = |client: &mut Program| {
            client.say("0");
            assert_eq!(client.line(SOON), "got a report of 0 s");
            assert_eq!(server.line(SOON), "the report is begun");
            let stopped = server.line(SOON);
            assert!(
                stopped.starts_with("the report stopped after 0."),
                "{stopped}"
            );
        };
        works(&mut doomed);
        works(&mut living);
        doomed.say("600");
        assert_eq!(server.line(SOON), "the report is begun");
        scene.doom();
        let struck = Instant::now();
        let line = server.line(DEADLINE + SOON);
        assert!(line.starts_with("the report stopped after"), "{line}");
        assert!(struck.elapsed() < DEADLINE + SOON);
        // The client is as sure that the server is gone.
        let line = doomed.line(SOON);
        assert!(line.starts_with("the server is gone: "), "{line}");
        assert!(line.contains("timed out"), "{line}");
        living.say("0");
        assert_eq!(living.line(SOON), "got a report of 0 s");
    });
}
