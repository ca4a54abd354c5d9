//! What holds for every frame and every way to cut a stream.

use std::time::Duration;

use deadpeer_core::heartbeat::Hello;
use deadpeer_core::heartbeat::frame::{
    Beat, Bye, Decoder, Frame, FrameError, HEADER, Kind, MAX_DATA, MAX_TEXT, Reason,
};
use proptest::prelude::*;

use crate::vectors::read;

fn beats() -> impl Strategy<Value = Beat> {
    (any::<u64>(), any::<u64>()).prop_map(|(sequence, echo)| Beat { sequence, echo })
}

fn hellos() -> impl Strategy<Value = Hello> {
    (any::<u32>(), any::<u32>()).prop_map(|(every, floor)| said(every, floor))
}

/// Whole milliseconds, as they go over the wire.
fn said(every_ms: u32, floor_ms: u32) -> Hello {
    let millis = |ms: u32| Duration::from_millis(ms.into());
    Hello {
        every: (every_ms > 0).then(|| millis(every_ms)),
        floor: millis(floor_ms),
    }
}

fn byes() -> impl Strategy<Value = Bye> {
    (any::<u8>(), ".{0,60}").prop_map(|(code, text)| Bye::because(Reason::of(code), &text))
}

/// Frames that may stand between a hello and an end.
fn middle() -> impl Strategy<Value = Vec<u8>> {
    let data = proptest::collection::vec(any::<u8>(), 1..300);
    prop_oneof![
        beats().prop_map(|beat| wire(&Frame::Ping(beat))),
        beats().prop_map(|beat| wire(&Frame::Pong(beat))),
        data.prop_map(|data| wire(&Frame::Data(&data))),
    ]
}

fn wire(frame: &Frame<'_>) -> Vec<u8> {
    let mut wire = Vec::new();
    frame.encode(&mut wire);
    wire
}

fn hello() -> Vec<u8> {
    wire(&Frame::Hello(said(1_000, 1_000)))
}

proptest! {
    #[test]
    fn what_is_written_is_read(beat in beats(), bye in byes(), greeting in hellos()) {
        for frame in [Frame::Ping(beat), Frame::Pong(beat), Frame::TooOften, Frame::End, Frame::Bye(bye)] {
            let stream = [wire(&Frame::Hello(greeting)), wire(&frame)].concat();
            let mut input = stream.as_slice();
            let mut decoder = Decoder::default();
            prop_assert_eq!(decoder.next(&mut input), Ok(Some(Frame::Hello(greeting))));
            prop_assert_eq!(decoder.next(&mut input), Ok(Some(frame)));
            prop_assert_eq!(decoder.next(&mut input), Ok(None));
            prop_assert_eq!(decoder.finish(), Ok(()));
        }
    }

    #[test]
    fn cutting_changes_nothing(
        frames in proptest::collection::vec(middle(), 0..8),
        junk in proptest::collection::vec(any::<u8>(), 0..8),
        piece in 1_usize..40,
    ) {
        let stream = [hello(), frames.concat(), junk].concat();
        prop_assert_eq!(read(&stream, piece), read(&stream, stream.len()));
    }

    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (_, error) = read(&[hello(), bytes].concat(), 7);
        prop_assert!(error.is_none_or(|error| !error.to_string().is_empty()));
    }
}

#[test]
fn long_data_becomes_several_frames() {
    let data = vec![7; 2 * MAX_DATA + 1];
    let bytes = wire(&Frame::Data(&data));
    assert_eq!(bytes.len(), data.len() + 3 * HEADER);
    let (frames, error) = read(&[hello(), bytes].concat(), 1_000);
    assert_eq!((frames.len(), error), (2, None), "the hello and the data");
    assert!(wire(&Frame::Data(&[])).is_empty());
}

#[test]
fn a_refused_length_is_refused_before_a_byte_of_it_comes() {
    for kind in [
        Kind::Hello,
        Kind::Ping,
        Kind::Pong,
        Kind::Data,
        Kind::End,
        Kind::Bye,
    ] {
        let most = kind.bounds().1;
        let announced = (most as u32 + 1).to_be_bytes();
        let header = [kind as u8, announced[1], announced[2], announced[3]];
        let before = if kind == Kind::Hello {
            Vec::new()
        } else {
            hello()
        };
        let (_, error) = read(&[before, header.to_vec()].concat(), 100);
        let length = most + 1;
        assert_eq!(error, Some(FrameError::Oversized { kind, length, most }));
    }
}

/// Rounding never makes an end faster than it said.
#[test]
fn times_are_rounded_up_to_milliseconds() {
    let odd = Hello {
        every: Some(Duration::from_micros(1)),
        floor: Duration::from_micros(999_001),
    };
    let bytes = wire(&Frame::Hello(odd));
    let mut input = bytes.as_slice();
    let read = Decoder::default().next(&mut input);
    assert_eq!(read, Ok(Some(Frame::Hello(said(1, 1_000)))));
    let endless = Hello {
        every: Some(Duration::MAX),
        floor: Duration::MAX,
    };
    let bytes = wire(&Frame::Hello(endless));
    let mut input = bytes.as_slice();
    let read = Decoder::default().next(&mut input);
    assert_eq!(read, Ok(Some(Frame::Hello(said(u32::MAX, u32::MAX)))));
}

#[test]
fn an_error_stays() {
    let mut decoder = Decoder::default();
    let mut input = b"GET".as_slice();
    assert_eq!(decoder.next(&mut input), Err(FrameError::NotHeartbeat));
    let good = hello();
    let mut input = good.as_slice();
    assert_eq!(decoder.next(&mut input), Err(FrameError::NotHeartbeat));
    assert_eq!(decoder.finish(), Err(FrameError::NotHeartbeat));
}

#[test]
fn words_that_are_too_long_are_cut_at_a_letter() {
    let bye = Bye::because(Reason::Leaving, &"ä".repeat(MAX_TEXT));
    assert_eq!(bye.text, "ä".repeat(MAX_TEXT / 2));
    let shown = Bye::because(Reason::Leaving, "\x1b[31mred").to_string();
    assert!(!shown.contains('\x1b'), "{shown:?} is safe for a terminal");
}
