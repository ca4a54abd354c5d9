//! What must hold for any bytes that arrive at a heartbeat. The fuzzer calls it, and so does the
//! test that replays the corpus.

use deadpeer_core::heartbeat::frame::{Decoder, Frame, FrameError, HEADER, MAX_CONTROL, MAX_DATA};

/// The first byte tells how the stream is cut, the rest is the stream.
pub(crate) fn check(input: &[u8]) {
    let [piece, stream @ ..] = input else {
        return;
    };
    let whole = read(stream, stream.len().max(1));
    let pieces = read(stream, usize::from(*piece).max(1));
    assert_eq!(whole, pieces, "cutting changes nothing");

    // What was understood can be written and is understood again.
    let (log, error) = whole;
    let healthy = read(&log.wire, log.wire.len().max(1));
    assert_eq!(healthy.0.wire, log.wire);
    let rest = matches!(healthy.1, None | Some(FrameError::Truncated));
    assert!(rest, "{:?} of what was understood", healthy.1);
    assert!(error.is_none_or(|error| !error.to_string().is_empty()));
    assert!(log.data <= stream.len());
}

/// Everything that was read, written again.
#[derive(Debug, Default, PartialEq)]
struct Log {
    wire: Vec<u8>,
    data: usize,
    /// Data that is not written yet: pieces of it belong together.
    open: Vec<u8>,
}

impl Log {
    fn take(&mut self, frame: &Frame<'_>) {
        if let Frame::Data(data) = frame {
            assert!(!data.is_empty() && data.len() <= MAX_DATA);
            self.data += data.len();
            self.open.extend_from_slice(data);
            return;
        }
        self.write_data();
        let before = self.wire.len();
        frame.encode(&mut self.wire);
        assert!(self.wire.len() - before <= HEADER + MAX_CONTROL);
    }

    fn write_data(&mut self) {
        Frame::Data(&self.open).encode(&mut self.wire);
        self.open.clear();
    }
}

fn read(stream: &[u8], piece: usize) -> (Log, Option<FrameError>) {
    let mut decoder = Decoder::default();
    let mut log = Log::default();
    for mut input in stream.chunks(piece) {
        loop {
            let before = input.len();
            match decoder.next(&mut input) {
                Ok(Some(frame)) => {
                    assert!(input.len() < before, "a frame takes bytes");
                    log.take(&frame);
                }
                Ok(None) => {
                    assert!(input.is_empty(), "nothing is left when more is needed");
                    break;
                }
                Err(error) => {
                    log.write_data();
                    assert_eq!(decoder.next(&mut input), Err(error), "an error stays");
                    return (log, Some(error));
                }
            }
        }
    }
    log.write_data();
    (log, decoder.finish().err())
}
