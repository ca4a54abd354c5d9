//! Whatever comes, it has a name, the peer is told, and the connection is closed.

use deadpeer::heartbeat::frame::{Beat, Bye, Decoder, Frame, FrameError, HEADER, Reason};
use deadpeer::heartbeat::{HeartbeatError, Settings, Violation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use crate::{LONG, SHORT, frame_of, half, hello, reason, run, wire};

/// What an end makes of bytes and their end, and what it says for goodbye.
async fn said_to(bytes: &[u8], then_close: bool) -> (HeartbeatError, Option<Bye>) {
    let (mut end, mut peer) = half(Settings::within(LONG));
    peer.write_all(bytes).await.unwrap();
    if then_close {
        peer.shutdown().await.unwrap();
    }
    let error = end.read_to_end(&mut Vec::new()).await.unwrap_err();
    let error = reason(&error).clone();
    let again = end.write_all(b"x").await.unwrap_err();
    assert_eq!(reason(&again).to_string(), error.to_string(), "it stays so");

    // Everything it ever said; the end closes after its goodbye.
    if error_ends_without_goodbye(&error) {
        drop(end);
    }
    let mut said = Vec::new();
    peer.read_to_end(&mut said).await.unwrap();
    let (mut decoder, mut input, mut bye) = (Decoder::default(), said.as_slice(), None);
    while let Some(frame) = decoder
        .next(&mut input)
        .expect("it keeps to the protocol itself")
    {
        if let Frame::Bye(last) = frame {
            bye = Some(last);
        }
    }
    (error, bye)
}

/// The peer is not there any more to be told.
fn error_ends_without_goodbye(error: &HeartbeatError) -> bool {
    matches!(
        error,
        HeartbeatError::Frame(FrameError::Truncated) | HeartbeatError::Bye(_)
    )
}

#[test]
fn broken_frames() {
    run(async {
        let ping = wire(&[
            hello(),
            Frame::Ping(Beat {
                sequence: 1,
                echo: 2,
            }),
        ]);
        let after_hello = |bytes: &[u8]| [&wire(&[hello()]), bytes].concat();
        for (bytes, word, told) in [
            (
                b"GET / HTTP/1.1\r\n".to_vec(),
                "not-heartbeat",
                Reason::NotHeartbeat,
            ),
            (
                b"\x01\0\0\x0edphb\x02\0\0\0\0\0\0\0\0\0".to_vec(),
                "wrong-version",
                Reason::WrongVersion,
            ),
            (after_hello(&[9, 0, 0, 0]), "unknown-kind", Reason::BadFrame),
            (
                after_hello(&[5, 0xff, 0xff, 0xff]),
                "oversized",
                Reason::BadFrame,
            ),
            (after_hello(&[2, 0, 0, 1]), "undersized", Reason::BadFrame),
            (
                wire(&[hello(), Frame::End, Frame::End]),
                "misplaced",
                Reason::BadFrame,
            ),
        ] {
            let (error, bye) = said_to(&bytes, false).await;
            let HeartbeatError::Frame(error) = error else {
                panic!("{word}: {error}");
            };
            assert_eq!(error.word(), word);
            assert_eq!(bye.expect(word).reason, told);
        }
        let (error, bye) = said_to(&ping[..ping.len() - 1], true).await;
        assert!(matches!(
            error,
            HeartbeatError::Frame(FrameError::Truncated)
        ));
        assert_eq!(bye, None, "nobody listens");
    });
}

#[test]
fn a_pong_that_was_never_asked_for() {
    run(async {
        let pong = Frame::Pong(Beat {
            sequence: 7,
            echo: 0,
        });
        let (error, bye) = said_to(&wire(&[hello(), pong]), false).await;
        let unasked = HeartbeatError::Violation(Violation::UnaskedPong { sequence: 7 });
        assert_eq!(error.to_string(), unasked.to_string());
        assert_eq!(bye.expect("a bye").reason, Reason::UnaskedPong);
    });
}

#[test]
fn a_flood_of_pings() {
    run(async {
        let flood: Vec<_> = (1..500)
            .map(|sequence| Frame::Ping(Beat { sequence, echo: 0 }))
            .collect();
        let bytes = [wire(&[hello()]), wire(&flood)].concat();
        let (error, bye) = said_to(&bytes, false).await;
        let HeartbeatError::Violation(Violation::TooManyPings { .. }) = error else {
            panic!("{error}");
        };
        let bye = bye.expect("a bye");
        assert_eq!(bye.reason, Reason::TooManyPings);
        assert!(bye.text.contains("too many pings"), "{bye}");
    });
}

/// The complaint of the peer is the error of this end.
#[test]
fn a_bye_with_a_complaint() {
    run(async {
        let bye = Frame::Bye(Bye::because(Reason::TooManyPings, "5 a second"));
        let (error, answer) = said_to(&wire(&[hello(), bye]), false).await;
        assert_eq!(
            error.to_string(),
            "the peer left: too-many-pings: 5 a second"
        );
        assert_eq!(answer, None);
    });
}

#[test]
fn the_peer_leaves_without_a_complaint() {
    run(async {
        let (mut end, mut peer) = half(Settings::within(LONG));
        let bye = Frame::Bye(Bye::new(Reason::Leaving));
        let bytes = wire(&[hello(), Frame::Data(b"all"), bye]);
        peer.write_all(&bytes).await.unwrap();
        let mut data = Vec::new();
        end.read_to_end(&mut data).await.unwrap();
        assert_eq!(data, b"all");
    });
}

/// Nothing of an announced length is allocated or waited for before it is checked.
#[test]
fn the_largest_data_passes_and_one_byte_more_does_not() {
    run(async {
        let (mut end, mut peer) = half(Settings::within(LONG));
        let largest = vec![7; deadpeer::heartbeat::frame::MAX_DATA];
        let bytes = wire(&[hello(), Frame::Data(&largest), Frame::End]);
        assert_eq!(
            bytes.len(),
            wire(&[hello()]).len() + HEADER + largest.len() + HEADER
        );
        let mut data = Vec::new();
        let (written, read) = tokio::join!(peer.write_all(&bytes), end.read_to_end(&mut data));
        written.unwrap();
        read.unwrap();
        assert!(data == largest);
    });
}

#[test]
fn a_hello_comes_first_even_from_an_end_that_only_shuts_down() {
    run(async {
        let (mut end, mut peer) = half(Settings::within(LONG));
        end.shutdown().await.unwrap();
        let mut decoder = Decoder::default();
        let ended = frame_of(&mut peer, &mut decoder, |frame| {
            (*frame == Frame::End).then_some(())
        });
        ended.await;
        assert!(decoder.is_introduced());
    });
}

/// A hello that comes byte by byte is no sign of life before it is whole: it gets the deadline and
/// no more.
#[test]
fn a_hello_that_drips_is_as_good_as_silence() {
    run(async {
        let (mut end, mut peer) = half(Settings::within(SHORT));
        let drip = async {
            for byte in wire(&[hello()]) {
                peer.write_u8(byte).await.unwrap();
                sleep(SHORT / 3).await;
            }
        };
        tokio::select! {
            error = end.died() => assert!(matches!(error, HeartbeatError::Silent { .. }), "{error}"),
            () = drip => panic!("it outlived its deadline"),
        }
    });
}
