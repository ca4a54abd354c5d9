//! The pcap format: one head for the file, one for each packet.

use std::io::Read;

use super::buffer::Buffer;
use super::bytes::Order;
use super::error::ReadError;
use super::unpack::Unpacked;
use super::{LONGEST_PACKET, Link, Packet};
use crate::Moment;

/// What the first four bytes say: the byte order, the unit of the fractions of seconds, and the
/// size of a record's head.
const MAGICS: [([u8; 4], Order, u64, usize); 6] = [
    ([0xd4, 0xc3, 0xb2, 0xa1], Order::Little, 1_000, 16),
    ([0xa1, 0xb2, 0xc3, 0xd4], Order::Big, 1_000, 16),
    ([0x4d, 0x3c, 0xb2, 0xa1], Order::Little, 1, 16),
    ([0xa1, 0xb2, 0x3c, 0x4d], Order::Big, 1, 16),
    // Alexey Kuznetzov's libpcap of early Linux adds the interface and what kind of packet it is.
    ([0x34, 0xcd, 0xb2, 0xa1], Order::Little, 1_000, 24),
    ([0xa1, 0xb2, 0xcd, 0x34], Order::Big, 1_000, 24),
];

#[derive(Debug)]
pub(super) struct Pcap {
    order: Order,
    /// Nanoseconds that a unit of the fraction has.
    unit: u64,
    /// Bytes before each packet.
    head: usize,
    link: Link,
    /// No record is longer.
    longest: u32,
}

impl Pcap {
    /// Reads the head of the file.
    pub(super) fn read<R: Read>(input: &mut Buffer<Unpacked<R>>) -> Result<Self, ReadError> {
        let first = input.first(4)?;
        let known = MAGICS.iter().find(|(magic, ..)| magic == first);
        let Some(&(_, order, unit, size)) = known else {
            return Err(ReadError::NotACapture {
                first: first.to_vec(),
            });
        };
        let Some(head) = input.head::<24>("head of the file")? else {
            return Err(ReadError::Empty);
        };
        let (major, minor) = (order.u16_at::<4, 24>(&head), order.u16_at::<6, 24>(&head));
        if major != 2 {
            return Err(ReadError::UnknownVersion {
                offset: 4,
                major,
                minor,
            });
        }
        input.take(24);
        let snaplen = order.u32_at::<16, 24>(&head);
        // The upper 16 bits tell whether frames end in a checksum, which nothing here looks at.
        let link = order.u32_at::<20, 24>(&head) as u16;
        Ok(Self {
            order,
            unit,
            head: size,
            link: Link(link),
            longest: LONGEST_PACKET.max(snaplen.min(LONGEST_PACKET * 64)),
        })
    }

    pub(super) fn next<'a, R: Read>(
        &mut self,
        input: &'a mut Buffer<Unpacked<R>>,
    ) -> Result<Option<Packet<'a>>, ReadError> {
        let offset = input.offset();
        let Some(head) = input.head::<16>("packet")? else {
            return Ok(None);
        };
        let order = self.order;
        let (seconds, fraction) = (order.u32_at::<0, 16>(&head), order.u32_at::<4, 16>(&head));
        let (captured, length) = (order.u32_at::<8, 16>(&head), order.u32_at::<12, 16>(&head));
        if captured > self.longest {
            return Err(ReadError::Corrupt {
                offset: offset + 8,
                what: "no packet is as long as this one claims to be",
            });
        }
        let whole = self.head + captured as usize;
        input.need(whole, "packet")?;
        let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.unit;
        Ok(Some(Packet {
            at: Some(Moment::from_nanos(nanos)),
            bytes: &input.take(whole)[self.head..],
            length: length.max(captured),
            link: self.link,
            offset,
        }))
    }
}
