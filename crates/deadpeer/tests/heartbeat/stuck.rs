//! Our own queue is stuck, or the peer is silent: two things.

use std::time::Duration;

use deadpeer::heartbeat::frame::{Beat, Decoder, Frame, HEADER, MAX_DATA};
use deadpeer::heartbeat::{Event, HeartbeatError, HeartbeatStream, Settings, Standing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::time::{sleep, timeout};

use crate::{LONG, SHORT, frame_of, half, hello, run, wire};

/// A peer that reads nothing for two deadlines but goes on pinging is a slow reader, and nothing is
/// lost.
#[test]
fn a_slow_reader_is_alive() {
    run(async {
        let (ours, theirs) = duplex(4_096);
        let settings = Settings::within(SHORT);
        let mut client = HeartbeatStream::new(ours, settings);
        let mut server = HeartbeatStream::new(theirs, settings);
        let data = vec![9; 200_000];
        let writing = async {
            client.write_all(&data).await.unwrap();
            client.flush().await.unwrap();
            client
        };
        let slow = async {
            // It lives, and does not read its data.
            let waited = timeout(SHORT * 2, server.died()).await;
            assert!(waited.is_err(), "{waited:?}");
            let mut received = vec![0; data.len()];
            server.read_exact(&mut received).await.unwrap();
            (server, received)
        };
        let (_client, (_server, received)) = tokio::join!(writing, slow);
        assert!(received == data);
    });
}

#[test]
fn what_is_stuck_shows() {
    run(async {
        let (ours, mut peer) = duplex(1_024);
        let mut client = HeartbeatStream::new(ours, Settings::within(SHORT));
        assert_eq!(client.write(&[0; 10_000]).await.unwrap(), 10_000);
        // The peer takes nothing, but speaks.
        let speaking = async {
            peer.write_all(&wire(&[hello()])).await.unwrap();
            loop {
                sleep(SHORT / 8).await;
                peer.write_all(&wire(&[Frame::Data(b"x")])).await.unwrap();
            }
        };
        let stuck = async {
            loop {
                if let Event::Stuck { since } = client.event().await.unwrap() {
                    return since;
                }
            }
        };
        tokio::select! {
            since = stuck => assert!(since >= SHORT, "{since:?}"),
            () = speaking => {}
        }
        let standing = client.standing();
        assert!(matches!(standing, Standing::Stuck { .. }), "{standing:?}");
    });
}

/// One that takes nothing and says nothing is lost, and that has its own name.
#[test]
fn stuck_and_silent_is_the_end() {
    run(async {
        let (ours, _peer) = duplex(1_024);
        let mut client = HeartbeatStream::new(ours, Settings::within(SHORT));
        assert_eq!(client.write(&[0; 10_000]).await.unwrap(), 10_000);
        let HeartbeatError::Stuck { since, silent } = client.died().await else {
            panic!("another end");
        };
        assert!(since >= SHORT && silent >= SHORT, "{since:?} {silent:?}");
    });
}

/// However much the application wants to write, a ping waits for the frame on its way and no
/// longer.
#[test]
fn a_ping_overtakes_data() {
    run(async {
        let (ours, mut peer) = duplex(256);
        let mut client = HeartbeatStream::new(ours, Settings::within(SHORT));
        let write = async {
            let data = vec![1; 100 * MAX_DATA];
            client.write_all(&data).await.unwrap();
        };
        let read = async {
            let mut decoder = Decoder::default();
            // Nothing is taken until a ping must be due.
            sleep(SHORT / 2).await;
            frame_of(&mut peer, &mut decoder, |frame| {
                matches!(frame, Frame::Ping(_)).then_some(())
            })
            .await;
        };
        tokio::select! {
            () = write => panic!("the peer has not read all"),
            () = read => {}
        }
    });
}

/// A peer that never pings by itself is asked, and its answers keep it alive.
#[test]
fn one_end_may_do_the_asking() {
    run(async {
        let (ours, theirs) = duplex(4_096);
        let mut asking = HeartbeatStream::new(ours, Settings::within(SHORT));
        let mut answering = HeartbeatStream::new(theirs, Settings::answering(SHORT));
        let both = async {
            tokio::select! {
                error = asking.died() => error,
                error = answering.died() => error,
            }
        };
        let waited = timeout(SHORT * 2, both).await;
        assert!(waited.is_err(), "{waited:?}");
        assert!(asking.round_trip().is_some());
        assert_eq!(answering.round_trip(), None);
        assert_eq!(answering.every(), None);
        // It heard a promise, and would notice.
        assert!(answering.deadline().is_some());
    });
}

#[test]
fn pings_are_answered_while_data_is_left_unread() {
    run(async {
        let (mut end, mut peer) = half(Settings::within(LONG));
        let ping = Frame::Ping(Beat {
            sequence: 1,
            echo: 77,
        });
        let bytes = wire(&[hello(), Frame::Data(&[5; 9_000]), ping]);
        peer.write_all(&bytes).await.unwrap();
        let mut decoder = Decoder::default();
        let pong = frame_of(&mut peer, &mut decoder, |frame| {
            let Frame::Pong(beat) = frame else {
                return None;
            };
            Some(*beat)
        });
        tokio::select! {
            beat = pong => assert_eq!((beat.sequence, beat.echo), (1, 77)),
            error = end.died() => panic!("{error}"),
        }
        let mut data = vec![0; 9_000];
        end.read_exact(&mut data).await.unwrap();
        assert_eq!(data, vec![5; 9_000]);
    });
}

/// Unread data beyond the buffer waits in the network, and its sender is not called silent for
/// that.
#[test]
fn a_reader_that_leaves_its_data_blames_nobody() {
    run(async {
        let (ours, mut peer) = duplex(1_024);
        let mut end = HeartbeatStream::new(ours, Settings::within(SHORT));
        let flood = async {
            peer.write_all(&wire(&[hello()])).await.unwrap();
            loop {
                peer.write_all(&wire(&[Frame::Data(&[1; 2_000])]))
                    .await
                    .unwrap();
            }
        };
        let waited = tokio::select! {
            waited = timeout(SHORT * 2, end.died()) => waited,
            () = flood => panic!("it never ends"),
        };
        assert!(waited.is_err(), "{waited:?}");
        const _: () = assert!(HEADER + MAX_DATA < 20_000, "what one end holds of it");
    });
}

#[test]
fn the_clock_of_a_busy_task_blames_nobody() {
    run(async {
        let settings = Settings::within(SHORT);
        let (ours, theirs) = duplex(4_096);
        let mut client = HeartbeatStream::new(ours, settings);
        let mut server = HeartbeatStream::new(theirs, settings);
        let alive = timeout(SHORT / 4, async {
            tokio::select! {
                error = client.died() => error,
                error = server.died() => error,
            }
        });
        assert!(alive.await.is_err());
        // Both hang longer than the deadline, as in a suspended machine.
        std::thread::sleep(SHORT + Duration::from_secs(1));
        let alive = timeout(SHORT / 2, async {
            tokio::select! {
                error = client.died() => error,
                error = server.died() => error,
            }
        });
        let waited = alive.await;
        assert!(waited.is_err(), "{waited:?}");
    });
}
