//! Messages of somebody's own protocol: lines, of which `PING n` and `PONG n` are the heartbeat's.

use std::time::Duration;

use deadpeer::heartbeat::{
    Dialect, HeartbeatError, HeartbeatMessages, Meaning, Received, Settings, Standing, Transmit,
    Violation,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;
use tokio_util::codec::{Framed, LinesCodec};

use crate::{LONG, PATIENCE, SHORT, run};

#[derive(Debug)]
struct Lines;

impl Dialect<String> for Lines {
    fn meaning(&mut self, line: String) -> Meaning<String> {
        let numbered = |word| line.strip_prefix(word)?.parse().ok();
        if let Some(sequence) = numbered("PING ") {
            let echo = None;
            return Meaning::Heartbeat(Received::Ping { sequence, echo });
        }
        match numbered("PONG ") {
            Some(sequence) => {
                let echo = None;
                Meaning::Heartbeat(Received::Pong { sequence, echo })
            }
            None => Meaning::Application(line),
        }
    }

    fn message(&mut self, transmit: Transmit) -> Option<String> {
        match transmit {
            Transmit::Ping { sequence, .. } => Some(format!("PING {sequence}")),
            Transmit::Pong { sequence, .. } => Some(format!("PONG {sequence}")),
            Transmit::Hello(_) | Transmit::TooOften | _ => None,
        }
    }

    fn farewell(&mut self, error: &HeartbeatError) -> Option<String> {
        Some(format!("BYE {error}"))
    }
}

type Talk = HeartbeatMessages<Framed<DuplexStream, LinesCodec>, String, Lines>;

fn talk(io: DuplexStream, deadline: Duration) -> Talk {
    with(io, Settings::within(deadline))
}

fn with(io: DuplexStream, settings: Settings) -> Talk {
    let lines = Framed::new(io, LinesCodec::new());
    HeartbeatMessages::new(lines, Lines, settings.without_hello())
}

/// One that asks, and one that answers.
fn pair(deadline: Duration) -> (Talk, Talk) {
    let (ours, theirs) = duplex(1_024);
    let answering = with(theirs, Settings::answering(deadline));
    (talk(ours, deadline), answering)
}

#[test]
fn messages_go_both_ways_and_pings_are_not_seen() {
    run(async {
        let (mut client, mut server) = pair(SHORT);
        let echo = async {
            while let Some(line) = server.next().await {
                server.send(line.unwrap()).await.unwrap();
            }
        };
        let ask = async {
            for number in 0..500 {
                client.send(format!("line {number}")).await.unwrap();
                let line = client.next().await.unwrap().unwrap();
                assert_eq!(line, format!("line {number}"));
            }
            // Longer than the deadline without a message.
            let waited = timeout(SHORT * 2, client.next()).await;
            assert!(waited.is_err(), "{waited:?}");
            assert!(client.round_trip().is_some());
            assert!(matches!(
                client.standing(),
                Standing::Alive { .. } | Standing::Waiting { .. }
            ));
            client.close().await.unwrap();
            drop(client);
        };
        tokio::join!(echo, ask);
    });
}

#[test]
fn a_silent_peer_is_told_so() {
    run(async {
        let (ours, mut peer) = duplex(1_024);
        let mut client = talk(ours, SHORT);
        let error = client.died().await;
        assert!(matches!(error, HeartbeatError::Silent { .. }), "{error}");
        let again = client.send("x".into()).await.unwrap_err();
        assert!(matches!(again, HeartbeatError::Silent { .. }));
        drop(client);
        let mut said = String::new();
        peer.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("PING 1\n"), "{said}");
        assert!(said.contains("BYE the peer has been silent"), "{said}");
    });
}

#[test]
fn a_pong_that_was_never_asked_for() {
    run(async {
        let (ours, mut peer) = duplex(1_024);
        let mut client = talk(ours, LONG);
        peer.write_all(b"hello\nPONG 9\n").await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), "hello");
        let error = client.next().await.unwrap().unwrap_err();
        let unasked = matches!(
            error,
            HeartbeatError::Violation(Violation::UnaskedPong { sequence: 9 })
        );
        assert!(unasked, "{error}");
    });
}

/// What the application wants to send waits behind a ping, and not the other way round.
#[test]
fn a_ping_goes_before_messages_that_wait() {
    run(async {
        let (ours, mut peer) = duplex(64);
        let mut client = talk(ours, SHORT);
        let write = async {
            loop {
                client.send("y".repeat(50)).await.unwrap();
            }
        };
        let read = async {
            // Nothing is taken until a ping must be due.
            tokio::time::sleep(SHORT / 2).await;
            let mut said = Vec::new();
            while !said.windows(5).any(|word| word == b"PING ") {
                said.push(peer.read_u8().await.unwrap());
            }
            said.len()
        };
        let ahead = tokio::select! {
            () = write => panic!("it never ends"),
            ahead = read => ahead,
        };
        // What the codec and the pipe hold, and a message.
        assert!(ahead < 20_000, "{ahead} bytes were before the ping");
    });
}

#[test]
fn the_end_of_the_transport_is_an_end() {
    run(async {
        let (mut client, server) = pair(LONG);
        drop(server);
        assert!(client.next().await.is_none());
        assert!(matches!(client.died().await, HeartbeatError::Ended));
        // The reader that left its message does not blame the peer for its own silence.
        let (mut client, mut server) = pair(SHORT);
        server.send("unread".into()).await.unwrap();
        let both = async {
            tokio::select! {
                error = client.died() => error,
                error = server.died() => error,
            }
        };
        let waited = timeout(SHORT * 2, both).await;
        assert!(waited.is_err(), "{waited:?}");
        let line = timeout(PATIENCE, client.next()).await.unwrap();
        assert_eq!(line.unwrap().unwrap(), "unread");
    });
}
