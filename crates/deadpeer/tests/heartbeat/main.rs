//! Heartbeats over streams: bytes, silence, bad input, and who is to blame.
#![cfg(feature = "heartbeat")]

mod bad_input;
mod bytes;
mod messages;
mod sockets;
mod stuck;

use std::time::Duration;

use deadpeer::heartbeat::frame::{Decoder, Frame};
use deadpeer::heartbeat::{HeartbeatError, HeartbeatStream, Hello, Settings};
use tokio::io::{AsyncRead, AsyncReadExt as _, DuplexStream, duplex};
use tokio::time::timeout;

/// Long enough for a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a test waits for when it wants a silence; more than a busy machine's hiccups.
const SHORT: Duration = Duration::from_secs(2);
/// A deadline that no test reaches.
const LONG: Duration = Duration::from_secs(3_600);

fn run(task: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { soon(task).await });
    assert_eq!(runtime.metrics().num_alive_tasks(), 0, "no task is left");
}

/// What must come, with a bound.
async fn soon<T>(task: impl Future<Output = T>) -> T {
    timeout(PATIENCE, task).await.expect("in time")
}

fn pair(settings: Settings) -> (HeartbeatStream<DuplexStream>, HeartbeatStream<DuplexStream>) {
    let (ours, theirs) = duplex(4_096);
    (
        HeartbeatStream::new(ours, settings),
        HeartbeatStream::new(theirs, settings),
    )
}

/// One end, and the bare bytes of the other.
fn half(settings: Settings) -> (HeartbeatStream<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(65_536);
    (HeartbeatStream::new(ours, settings), theirs)
}

fn wire(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut wire = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut wire));
    wire
}

/// What an end says that only answers.
fn hello() -> Frame<'static> {
    Frame::Hello(Hello {
        every: None,
        floor: Duration::from_millis(1),
    })
}

/// Reads bare bytes until a frame comes that is wanted.
async fn frame_of<T>(
    bytes: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
    wanted: impl Fn(&Frame<'_>) -> Option<T>,
) -> T {
    loop {
        let byte = [bytes.read_u8().await.expect("more bytes")];
        let mut input = byte.as_slice();
        while let Some(frame) = decoder.next(&mut input).expect("frames") {
            if let Some(found) = wanted(&frame) {
                return found;
            }
        }
    }
}

fn reason(error: &std::io::Error) -> &HeartbeatError {
    HeartbeatError::of(error).unwrap_or_else(|| panic!("{error} is of the heartbeat"))
}
