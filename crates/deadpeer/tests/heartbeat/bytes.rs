//! The application's bytes arrive, whatever the heartbeat does in between.

use std::time::Duration;

use deadpeer::heartbeat::{HeartbeatError, Settings, Standing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, split};
use tokio::time::timeout;

use crate::{LONG, PATIENCE, SHORT, pair, reason, run, soon};

/// Bytes that show where they belong.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n % 251) as u8).collect()
}

#[test]
fn bytes_go_both_ways_at_once() {
    run(async {
        let (client, server) = pair(Settings::within(LONG));
        let data = pattern(300_000);
        let (mut client_reads, mut client_writes) = split(client);
        let (mut server_reads, mut server_writes) = split(server);
        let to_server = async {
            client_writes.write_all(&data).await.unwrap();
            client_writes.shutdown().await.unwrap();
        };
        let to_client = async {
            for piece in data.chunks(777) {
                server_writes.write_all(piece).await.unwrap();
            }
            server_writes.shutdown().await.unwrap();
        };
        let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
        let (_, _, read_there, read_here) = tokio::join!(
            to_server,
            to_client,
            server_reads.read_to_end(&mut at_server),
            client_reads.read_to_end(&mut at_client)
        );
        read_there.unwrap();
        read_here.unwrap();
        assert!(at_server == data && at_client == data);
    });
}

/// Two tasks on one stream, on two threads: neither loses the other's wake-up.
#[test]
fn halves_in_two_tasks() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, server) = pair(Settings::within(LONG));
        let data = pattern(400_000);
        let (mut reads, mut writes) = split(client);
        let sent = data.clone();
        let writer = tokio::spawn(async move {
            for piece in sent.chunks(1_000) {
                writes.write_all(piece).await.unwrap();
                writes.flush().await.unwrap();
            }
            writes.shutdown().await.unwrap();
        });
        let reader = tokio::spawn(async move {
            let mut back = Vec::new();
            reads.read_to_end(&mut back).await.unwrap();
            back
        });
        let (mut echo_reads, mut echo_writes) = split(server);
        soon(tokio::io::copy(&mut echo_reads, &mut echo_writes))
            .await
            .unwrap();
        echo_writes.shutdown().await.unwrap();
        soon(writer).await.unwrap();
        assert!(soon(reader).await.unwrap() == data);
    });
}

/// Futures that are dropped half-way lose and repeat nothing.
#[test]
fn every_await_can_be_dropped() {
    run(async {
        let (mut client, mut server) = pair(Settings::within(LONG));
        let data = pattern(200_000);
        let sending = async {
            let mut rest = data.as_slice();
            while !rest.is_empty() {
                tokio::select! {
                    biased;
                    written = client.write(rest) => rest = &rest[written.unwrap()..],
                    () = tokio::task::yield_now() => {}
                }
                tokio::select! {
                    biased;
                    error = client.died() => panic!("{error}"),
                    () = tokio::task::yield_now() => {}
                }
            }
            client.shutdown().await.unwrap();
            client
        };
        let receiving = async {
            let mut received = Vec::new();
            let mut buffer = [0; 5_000];
            loop {
                tokio::select! {
                    biased;
                    count = server.read(&mut buffer) => match count.unwrap() {
                        0 => return received,
                        count => received.extend_from_slice(&buffer[..count]),
                    },
                    () = tokio::task::yield_now() => {}
                }
            }
        };
        let (_client, received) = tokio::join!(sending, receiving);
        assert!(received == data);
    });
}

#[test]
fn an_idle_pair_is_asked_and_answers() {
    run(async {
        let (mut client, mut server) = pair(Settings::within(SHORT));
        // Whoever asks first spares the other its question.
        let round_trip = loop {
            for end in [&mut client, &mut server] {
                let waited = timeout(Duration::from_millis(10), end.died()).await;
                assert!(waited.is_err(), "{waited:?}");
            }
            if let Some(round_trip) = client.round_trip().or(server.round_trip()) {
                break round_trip;
            }
        };
        assert!(round_trip < PATIENCE);
        assert!(matches!(
            client.standing(),
            Standing::Alive { .. } | Standing::Waiting { .. }
        ));
    });
}

#[test]
fn a_ping_now_is_answered_now() {
    run(async {
        let (mut client, mut server) = pair(Settings::within(LONG));
        tokio::select! {
            answer = client.ping(PATIENCE) => assert!(answer.unwrap().is_some()),
            error = server.died() => panic!("{error}"),
        }
        // Nobody drives the other end now.
        let answer = client.ping(Duration::from_millis(50)).await;
        assert_eq!(answer.unwrap(), None);
    });
}

#[test]
fn a_peer_whose_tasks_hang_is_found_out() {
    run(async {
        let (mut client, _server) = pair(Settings::within(SHORT));
        let begun = std::time::Instant::now();
        let HeartbeatError::Silent { since, .. } = client.died().await else {
            panic!("another end");
        };
        assert!(since >= SHORT && begun.elapsed() >= SHORT, "{since:?}");
        let error = client.write_all(b"x").await.unwrap_err();
        assert!(matches!(reason(&error), HeartbeatError::Silent { .. }));
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    });
}

/// The heartbeat goes on for what the other end still sends.
#[test]
fn half_a_connection_has_a_heartbeat() {
    run(async {
        let (mut client, mut server) = pair(Settings::within(SHORT));
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        assert!(client.write_all(b"more").await.is_err());
        let mut question = String::new();
        server.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");

        let slow_answer = async {
            // Twice the deadline, so that only pings keep it alive.
            let waited = timeout(SHORT * 2, server.died()).await;
            assert!(waited.is_err(), "{waited:?}");
            server.write_all(b"answer").await.unwrap();
            server.shutdown().await.unwrap();
        };
        let mut answer = String::new();
        let (read, ()) = tokio::join!(client.read_to_string(&mut answer), slow_answer);
        read.unwrap();
        assert_eq!(answer, "answer");
    });
}

#[test]
fn dropping_without_a_word_is_no_end_of_data() {
    run(async {
        let (mut client, mut server) = pair(Settings::within(LONG));
        server.write_all(b"half a mess").await.unwrap();
        drop(server);
        let mut data = [0; 11];
        client.read_exact(&mut data).await.unwrap();
        assert_eq!(&data, b"half a mess", "what came before is read first");
        let error = client.read_u8().await.unwrap_err();
        assert!(matches!(reason(&error), HeartbeatError::NoGoodbye));
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        assert!(matches!(client.died().await, HeartbeatError::NoGoodbye));
    });
}

#[test]
fn who_waits_for_the_end_learns_of_an_orderly_one() {
    run(async {
        let (mut client, mut server) = pair(Settings::within(LONG));
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        server.shutdown().await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert!(matches!(client.died().await, HeartbeatError::Ended));
    });
}
