//! `docs/heartbeat-vectors.json`, which ends in other languages test themselves with.

use std::time::Duration;

use deadpeer_core::heartbeat::Hello;
use deadpeer_core::heartbeat::frame::{Beat, Bye, Decoder, Frame, FrameError, Reason};
use serde_json::Value;

#[test]
fn every_stream_reads_as_it_says() {
    for stream in streams() {
        let name = text(&stream, "name");
        let bytes = unhex(&text(&stream, "hex"));
        let (frames, error) = read(&bytes, bytes.len().max(1));
        assert_eq!(frames, expected(&stream), "{name}");
        let word = error.map(|error| error.word().to_owned());
        assert_eq!(word, stream["error"].as_str().map(str::to_owned), "{name}");
    }
}

/// However the network cuts it.
#[test]
fn a_byte_at_a_time_reads_the_same() {
    for stream in streams() {
        let bytes = unhex(&text(&stream, "hex"));
        let whole = read(&bytes, bytes.len().max(1));
        assert_eq!(read(&bytes, 1), whole, "{}", text(&stream, "name"));
    }
}

/// What a healthy stream holds is written as it stands there.
#[test]
fn healthy_streams_are_written_as_they_stand() {
    let mut written = 0;
    for stream in streams() {
        if !stream["error"].is_null() || stream["canonical"] == Value::Bool(false) {
            continue;
        }
        let mut wire = Vec::new();
        for frame in expected(&stream) {
            frame.borrowed().encode(&mut wire);
        }
        assert_eq!(
            wire,
            unhex(&text(&stream, "hex")),
            "{}",
            text(&stream, "name")
        );
        written += 1;
    }
    assert!(written >= 10, "{written} healthy streams");
}

/// Each error has its vector.
#[test]
fn every_error_is_there() {
    let streams = streams();
    for word in [
        "not-heartbeat",
        "wrong-version",
        "unknown-kind",
        "oversized",
        "undersized",
        "misplaced",
        "garbled",
        "truncated",
    ] {
        assert!(
            streams.iter().any(|stream| stream["error"] == word),
            "{word}"
        );
    }
}

/// A frame that owns its data, with neighbouring pieces of data put together.
#[derive(Debug, PartialEq)]
pub(crate) enum Owned {
    Data(Vec<u8>),
    Other(Frame<'static>),
}

impl Owned {
    fn borrowed(&self) -> Frame<'_> {
        match self {
            Self::Data(data) => Frame::Data(data),
            Self::Other(frame) => frame.clone(),
        }
    }
}

/// Reads a stream in pieces of `piece` bytes to its end.
pub(crate) fn read(bytes: &[u8], piece: usize) -> (Vec<Owned>, Option<FrameError>) {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    // Two frames of data stay two only if something stands between them.
    for mut input in bytes.chunks(piece) {
        loop {
            match decoder.next(&mut input) {
                Ok(Some(Frame::Data(more))) => match frames.last_mut() {
                    Some(Owned::Data(data)) => data.extend_from_slice(more),
                    _ => frames.push(Owned::Data(more.to_vec())),
                },
                Ok(Some(frame)) => frames.push(Owned::Other(owned(frame))),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(input.is_empty(), "what is not an error is read");
    }
    (frames, decoder.finish().err())
}

fn owned(frame: Frame<'_>) -> Frame<'static> {
    match frame {
        Frame::Hello(hello) => Frame::Hello(hello),
        Frame::Ping(beat) => Frame::Ping(beat),
        Frame::Pong(beat) => Frame::Pong(beat),
        Frame::TooOften => Frame::TooOften,
        Frame::Data(_) => panic!("data is put together before"),
        Frame::End => Frame::End,
        Frame::Bye(bye) => Frame::Bye(bye),
    }
}

fn streams() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/heartbeat-vectors.json"
    );
    let file = std::fs::read_to_string(path).expect("the vectors are committed");
    let mut file: Value = serde_json::from_str(&file).expect("JSON");
    let Value::Array(streams) = file["streams"].take() else {
        panic!("no streams");
    };
    assert!(streams.len() >= 40, "{} streams", streams.len());
    streams
}

fn expected(stream: &Value) -> Vec<Owned> {
    let frames = stream["frames"].as_array().expect("frames");
    let number = |frame: &Value, key: &str| frame[key].as_u64().expect("a number") as u32;
    let one = |frame: &Value| match frame["kind"].as_str().expect("a kind") {
        "hello" => Owned::Other(Frame::Hello(Hello {
            every: Some(number(frame, "every_ms"))
                .filter(|ms| *ms > 0)
                .map(millis),
            floor: millis(number(frame, "floor_ms")),
        })),
        "ping" => Owned::Other(Frame::Ping(beat(frame))),
        "pong" => Owned::Other(Frame::Pong(beat(frame))),
        "data" => Owned::Data(unhex(&text(frame, "hex"))),
        "too-often" => Owned::Other(Frame::TooOften),
        "end" => Owned::Other(Frame::End),
        "bye" => {
            let reason = Reason::of(number(frame, "reason") as u8);
            Owned::Other(Frame::Bye(Bye::because(reason, &text(frame, "text"))))
        }
        other => panic!("kind {other}"),
    };
    frames.iter().map(one).collect()
}

fn beat(frame: &Value) -> Beat {
    let echo = u64::from_str_radix(&text(frame, "echo"), 16);
    Beat {
        sequence: frame["sequence"].as_u64().expect("a number"),
        echo: echo.expect("16 hexadecimal digits"),
    }
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().expect(key).to_owned()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16);
    digits.map(|pair| byte(pair).expect("hex")).collect()
}
