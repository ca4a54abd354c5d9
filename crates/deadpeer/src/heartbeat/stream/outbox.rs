//! What is on its way out.

use deadpeer_core::heartbeat::frame::{Frame, HEADER, MAX_CONTROL, MAX_DATA};
use deadpeer_core::heartbeat::{Sent, Transmit};

/// One frame of data at most, and a few frames beside it. It never grows.
///
/// A ping stands behind the frame that is being written and before all other data of the
/// application, which is only taken when nothing waits here.
#[derive(Debug)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
    /// The number of the ping that is in here, and where it ends.
    ping: Option<(u64, usize)>,
}

/// Room beside the data for what the machine sends, and for an end and a bye.
const BESIDE: usize = 4 * (HEADER + MAX_CONTROL);

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(HEADER + MAX_DATA + BESIDE),
            written: 0,
            ping: None,
        }
    }

    /// Takes the first bytes of the application's as one frame, and tells how many.
    pub(super) fn push_data(&mut self, data: &[u8]) -> usize {
        let length = data.len().min(MAX_DATA);
        Frame::Data(&data[..length]).encode(&mut self.bytes);
        length
    }

    /// Whether there is room for another frame of the machine's.
    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() + BESIDE / 2 <= HEADER + MAX_DATA + BESIDE
    }

    pub(super) fn push(&mut self, frame: &Frame<'_>) {
        frame.encode(&mut self.bytes);
    }

    pub(super) fn push_transmit(&mut self, transmit: Transmit) {
        Frame::from(transmit).encode(&mut self.bytes);
        if let Transmit::Ping { sequence, .. } = transmit {
            self.ping = Some((sequence, self.bytes.len()));
        }
    }

    /// What is still to be written.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// So much was written: what the machine is to be told.
    pub(super) fn wrote(&mut self, count: usize) -> Sent {
        self.written += count;
        let ping = self.ping.take_if(|(_, end)| *end <= self.written);
        if self.is_empty() {
            self.bytes.clear();
            self.written = 0;
        }
        ping.map_or(Sent::Data, |(sequence, _)| Sent::Ping { sequence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_sent_with_its_last_byte() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.push_data(&[7; 100_000]), MAX_DATA);
        outbox.push_transmit(Transmit::Ping {
            sequence: 3,
            echo: 9,
        });
        let all = outbox.bytes().len();
        assert_eq!(all, 2 * HEADER + MAX_DATA + 16);
        assert_eq!(outbox.wrote(all - 1), Sent::Data);
        assert_eq!(outbox.bytes().len(), 1);
        assert_eq!(outbox.wrote(1), Sent::Ping { sequence: 3 });
        assert!(outbox.is_empty());
    }

    #[test]
    fn it_never_grows() {
        let mut outbox = Outbox::new();
        let room = outbox.bytes.capacity();
        outbox.push_data(&[7; MAX_DATA]);
        let mut pushed = 0;
        while outbox.has_room() {
            outbox.push_transmit(Transmit::TooOften);
            pushed += 1;
        }
        assert!(pushed > 3, "{pushed}");
        outbox.push(&Frame::End);
        let words = "x".repeat(MAX_CONTROL);
        let reason = deadpeer_core::heartbeat::frame::Reason::Leaving;
        outbox.push(&Frame::Bye(deadpeer_core::heartbeat::frame::Bye::because(
            reason, &words,
        )));
        assert_eq!(outbox.bytes.capacity(), room);
    }
}
