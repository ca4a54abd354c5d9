//! What has arrived and what of it the application may read.

use deadpeer_core::heartbeat::frame::{Decoder, Frame, FrameError, HEADER, MAX_DATA};

/// One buffer: first the data that waits for the application, then bytes that are not decoded yet.
/// It never grows.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes: Box<[u8]>,
    /// The application's data.
    data: (usize, usize),
    /// Undecoded bytes, behind the data.
    raw: (usize, usize),
    decoder: Decoder,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; HEADER + MAX_DATA].into_boxed_slice(),
            data: (0, 0),
            raw: (0, 0),
            decoder: Decoder::default(),
        }
    }

    /// Room for what arrives; none while the application leaves its data.
    pub(super) fn room(&mut self) -> &mut [u8] {
        // Moving what is left for the sake of a few bytes would cost more than it brings.
        if self.raw.1 == self.bytes.len() && self.data.0 >= self.bytes.len() / 2 {
            self.bytes.copy_within(self.data.0.., 0);
            let by = self.data.0;
            self.data = (0, self.data.1 - by);
            self.raw = (self.raw.0 - by, self.raw.1 - by);
        }
        &mut self.bytes[self.raw.1..]
    }

    /// So many bytes of the room were filled.
    pub(super) fn arrived(&mut self, count: usize) {
        self.raw.1 += count;
    }

    /// The next frame; data is put where [`data`](Self::data) shows it, and told as its length.
    /// `None`: more must arrive.
    pub(super) fn next(&mut self) -> Result<Option<Item>, FrameError> {
        let mut rest = &self.bytes[self.raw.0..self.raw.1];
        let frame = self.decoder.next(&mut rest)?;
        let left = rest.len();
        let item = match frame {
            None => None,
            Some(Frame::Data(data)) => Some(Item::Data(data.len())),
            Some(Frame::Hello(hello)) => Some(Item::Control(Frame::Hello(hello))),
            Some(Frame::Ping(beat)) => Some(Item::Control(Frame::Ping(beat))),
            Some(Frame::Pong(beat)) => Some(Item::Control(Frame::Pong(beat))),
            Some(Frame::TooOften) => Some(Item::Control(Frame::TooOften)),
            Some(Frame::End) => Some(Item::Control(Frame::End)),
            Some(Frame::Bye(bye)) => Some(Item::Control(Frame::Bye(bye))),
        };
        self.raw.0 = self.raw.1 - left;
        if let Some(Item::Data(length)) = item {
            self.append(self.raw.0 - length, length);
        }
        if self.raw.0 == self.raw.1 {
            self.raw = (self.data.1, self.data.1);
        }
        Ok(item)
    }

    /// Data closes up to what is there already: headers and pings between fall out.
    fn append(&mut self, from: usize, length: usize) {
        if self.data.0 == self.data.1 {
            self.data = (from, from + length);
        } else {
            self.bytes.copy_within(from..from + length, self.data.1);
            self.data.1 += length;
        }
    }

    /// Data for the application.
    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.data.0..self.data.1]
    }

    /// The application has taken so much of it.
    pub(super) fn take(&mut self, count: usize) {
        self.data.0 += count;
        if self.data.0 == self.data.1 && self.raw.0 == self.raw.1 {
            self.data = (0, 0);
            self.raw = (0, 0);
        }
    }

    /// The transport has ended: whether that is in order.
    pub(super) fn finish(&self) -> Result<End, FrameError> {
        self.decoder.finish()?;
        Ok(match self.decoder.is_ended() {
            true => End::Orderly,
            false => End::Abrupt,
        })
    }

    /// Whether the peer has said that no more data comes.
    pub(super) fn is_ended(&self) -> bool {
        self.decoder.is_ended()
    }
}

/// What [`Inbox::next`] found.
#[derive(Debug, PartialEq)]
pub(super) enum Item {
    Data(usize),
    Control(Frame<'static>),
}

/// How the transport ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// After an end or a bye.
    Orderly,
    /// Between two frames, without a word.
    Abrupt,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deadpeer_core::heartbeat::Hello;
    use deadpeer_core::heartbeat::frame::Beat;

    use super::*;

    fn hello() -> Frame<'static> {
        Frame::Hello(Hello {
            every: None,
            floor: Duration::from_secs(1),
        })
    }

    fn feed(inbox: &mut Inbox, mut wire: &[u8]) -> (Vec<Item>, Vec<u8>) {
        let (mut items, mut data) = (Vec::new(), Vec::new());
        while !wire.is_empty() {
            let room = inbox.room();
            let count = room.len().min(wire.len()).min(7);
            assert!(count > 0, "there is room once the data is taken");
            room[..count].copy_from_slice(&wire[..count]);
            wire = &wire[count..];
            inbox.arrived(count);
            while let Some(item) = inbox.next().unwrap() {
                items.push(item);
            }
            // A reader that is slower than the network now and then.
            if wire.len().is_multiple_of(3) || inbox.room().len() < 7 {
                data.extend_from_slice(inbox.data());
                inbox.take(inbox.data().len());
            }
        }
        data.extend_from_slice(inbox.data());
        (items, data)
    }

    #[test]
    fn data_is_one_piece_whatever_stands_between() {
        let mut wire = Vec::new();
        hello().encode(&mut wire);
        let sent: Vec<u8> = (0..40_000_u32).map(|n| n as u8).collect();
        let mut pings = 0;
        for chunk in sent.chunks(999) {
            Frame::Data(chunk).encode(&mut wire);
            pings += 1;
            Frame::Ping(Beat {
                sequence: pings,
                echo: 0,
            })
            .encode(&mut wire);
        }
        Frame::End.encode(&mut wire);
        let mut inbox = Inbox::new();
        let (items, data) = feed(&mut inbox, &wire);
        assert_eq!(data, sent);
        let controls = items.iter().filter(|item| matches!(item, Item::Control(_)));
        assert_eq!(controls.count() as u64, pings + 2);
        assert_eq!(inbox.finish(), Ok(End::Orderly));
    }

    #[test]
    fn a_full_box_has_no_room_and_never_grows() {
        let mut wire = Vec::new();
        hello().encode(&mut wire);
        Frame::Data(&[1; MAX_DATA]).encode(&mut wire);
        Frame::Data(&[2; MAX_DATA]).encode(&mut wire);
        let mut inbox = Inbox::new();
        let mut wire = wire.as_slice();
        loop {
            let room = inbox.room();
            let count = room.len().min(wire.len());
            if count == 0 {
                break;
            }
            room[..count].copy_from_slice(&wire[..count]);
            wire = &wire[count..];
            inbox.arrived(count);
            while inbox.next().unwrap().is_some() {}
        }
        assert!(!wire.is_empty(), "the rest waits in the network");
        assert!(inbox.data().len() > MAX_DATA - 100);
        inbox.take(10);
        assert!(inbox.room().is_empty(), "not worth the moving");
        inbox.take(MAX_DATA / 2);
        assert!(inbox.room().len() > MAX_DATA / 2);
        assert!(inbox.data().iter().all(|byte| *byte == 1));
        inbox.take(inbox.data().len());
        assert_eq!(inbox.room().len(), HEADER + MAX_DATA);
    }
}
