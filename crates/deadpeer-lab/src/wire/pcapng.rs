//! Writing pcapng: one Ethernet interface, nanoseconds, a direction and a comment for each packet.
//!
//! Three block types of draft-ietf-opsawg-pcapng, sections 4.1 to 4.3, in this machine's byte
//! order, which the format leaves open.

use std::io::{self, Write};
use std::time::Duration;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// LINKTYPE_ETHERNET.
const ETHERNET: u16 = 1;

const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const TIME_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;

/// Which way a packet went, as the host saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    In,
    Out,
}

/// A pcapng file being written.
#[derive(Debug)]
pub(super) struct Pcapng<W> {
    to: W,
    block: Vec<u8>,
}

impl<W: Write> Pcapng<W> {
    /// Begins the file with its section and interface.
    pub(super) fn begin(to: W, interface: &str) -> io::Result<Self> {
        let mut file = Self {
            to,
            block: Vec::with_capacity(2048),
        };
        file.block(SECTION, |block| {
            block.extend(BYTE_ORDER.to_ne_bytes());
            // Version 1.0, length of the section not known.
            block.extend(1u16.to_ne_bytes());
            block.extend(0u16.to_ne_bytes());
            block.extend((-1i64).to_ne_bytes());
            option(block, APPLICATION, b"deadpeer");
            option(block, END_OF_OPTIONS, b"");
        })?;
        file.block(INTERFACE, |block| {
            block.extend(ETHERNET.to_ne_bytes());
            block.extend(0u16.to_ne_bytes());
            // No limit to the length of packets.
            block.extend(0u32.to_ne_bytes());
            option(block, INTERFACE_NAME, interface.as_bytes());
            option(block, TIME_RESOLUTION, &[9]);
            option(block, END_OF_OPTIONS, b"");
        })?;
        Ok(file)
    }

    /// Appends a packet; `at` is the time since 1970.
    pub(super) fn packet(
        &mut self,
        at: Duration,
        way: Way,
        frame: &[u8],
        comment: &str,
    ) -> io::Result<()> {
        let nanoseconds = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let flags: u32 = match way {
            Way::In => 1,
            Way::Out => 2,
        };
        self.block(ENHANCED_PACKET, |block| {
            block.extend(0u32.to_ne_bytes());
            block.extend(((nanoseconds >> 32) as u32).to_ne_bytes());
            block.extend((nanoseconds as u32).to_ne_bytes());
            block.extend(length.to_ne_bytes());
            block.extend(length.to_ne_bytes());
            padded(block, frame);
            option(block, PACKET_FLAGS, &flags.to_ne_bytes());
            if !comment.is_empty() {
                option(block, COMMENT, comment.as_bytes());
            }
            option(block, END_OF_OPTIONS, b"");
        })
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// Writes a block: its type, its length before and after what `fill` adds.
    fn block(&mut self, kind: u32, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.block.clear();
        self.block.extend(kind.to_ne_bytes());
        self.block.extend([0; 4]);
        fill(&mut self.block);
        let length = (self.block.len() as u32 + 4).to_ne_bytes();
        self.block[4..8].copy_from_slice(&length);
        self.block.extend(length);
        self.to.write_all(&self.block)
    }
}

/// An option, cut where its 16 bits of length end.
fn option(block: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    block.extend(code.to_ne_bytes());
    block.extend(length.to_ne_bytes());
    padded(block, &value[..usize::from(length)]);
}

fn padded(block: &mut Vec<u8>, bytes: &[u8]) {
    block.extend(bytes);
    block.resize(block.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type and body of each block, lengths checked.
    fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let word = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap());
            let (kind, length) = (word(0), word(4) as usize);
            assert_eq!(length % 4, 0);
            assert_eq!(word(length - 4) as usize, length);
            blocks.push((kind, file[8..length - 4].to_vec()));
            file = &file[length..];
        }
        blocks
    }

    #[test]
    fn blocks_are_framed_and_carry_nanoseconds() {
        let mut bytes = Vec::new();
        let mut file = Pcapng::begin(&mut bytes, "eth0").unwrap();
        let at = Duration::new(1_700_000_000, 123_456_789);
        file.packet(at, Way::Out, b"fifteen bytes!!", "dropped by cut")
            .unwrap();
        file.packet(at, Way::In, b"", "").unwrap();
        file.flush().unwrap();

        let blocks = blocks(&bytes);
        let kinds: Vec<_> = blocks.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(
            kinds,
            [SECTION, INTERFACE, ENHANCED_PACKET, ENHANCED_PACKET]
        );
        let packet = &blocks[2].1;
        let word = |at: usize| u32::from_ne_bytes(packet[at..at + 4].try_into().unwrap());
        let nanoseconds = u64::from(word(4)) << 32 | u64::from(word(8));
        assert_eq!(Duration::from_nanos(nanoseconds), at);
        assert_eq!((word(12), word(16)), (15, 15));
        assert_eq!(&packet[20..36], b"fifteen bytes!!\0");
        assert!(packet.windows(14).any(|w| w == b"dropped by cut"));
    }
}
