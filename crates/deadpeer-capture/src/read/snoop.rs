//! The snoop format of Solaris (RFC 1761): pcap's older relative, always in network byte order.

use std::io::Read;

use super::buffer::Buffer;
use super::bytes::Order;
use super::error::ReadError;
use super::unpack::Unpacked;
use super::{LONGEST_PACKET, Link, Packet};
use crate::Moment;

/// How a file begins.
pub(super) const MAGIC: &[u8; 8] = b"snoop\0\0\0";

/// What snoop calls a network, and what it is called here.
const LINKS: [(u32, Link); 6] = [
    (0, Link::ETHERNET),
    (2, Link::TOKEN_RING),
    (4, Link::ETHERNET),
    (8, Link::FDDI),
    (10, Link::FRAME_RELAY),
    (17, Link::ATM_RFC1483),
];

const HEAD: usize = 24;
/// A record is a packet with its head and what pads it.
const LONGEST_RECORD: u32 = LONGEST_PACKET * 2;

#[derive(Debug)]
pub(super) struct Snoop {
    link: Link,
    /// Packets lost so far, as the last packet says.
    lost: u32,
}

impl Snoop {
    /// Reads the head of the file.
    pub(super) fn read<R: Read>(input: &mut Buffer<Unpacked<R>>) -> Result<Self, ReadError> {
        let Some(head) = input.head::<16>("head of the file")? else {
            return Err(ReadError::Empty);
        };
        let order = Order::Big;
        if order.u32_at::<8, 16>(&head) != 2 {
            return Err(ReadError::UnknownVersion {
                offset: 8,
                major: order.u16_at::<8, 16>(&head),
                minor: order.u16_at::<10, 16>(&head),
            });
        }
        let number = order.u32_at::<12, 16>(&head);
        let Some((_, link)) = LINKS.iter().find(|(known, _)| *known == number) else {
            return Err(ReadError::Corrupt {
                offset: 12,
                what: "a snoop file of a network that nothing here reads",
            });
        };
        input.take(16);
        Ok(Self {
            link: *link,
            lost: 0,
        })
    }

    pub(super) fn lost(&self) -> u64 {
        u64::from(self.lost)
    }

    pub(super) fn next<'a, R: Read>(
        &mut self,
        input: &'a mut Buffer<Unpacked<R>>,
    ) -> Result<Option<Packet<'a>>, ReadError> {
        let offset = input.offset();
        let Some(head) = input.head::<HEAD>("packet")? else {
            return Ok(None);
        };
        let order = Order::Big;
        let (length, captured) = (
            order.u32_at::<0, HEAD>(&head),
            order.u32_at::<4, HEAD>(&head),
        );
        let record = order.u32_at::<8, HEAD>(&head);
        let corrupt = |what| Err(ReadError::Corrupt { offset, what });
        if record > LONGEST_RECORD {
            return corrupt("no packet is as long as this one claims to be");
        }
        let (record, captured) = (record as usize, captured as usize);
        if record < HEAD || captured > record - HEAD {
            return corrupt("a packet longer than its record");
        }
        input.need(record, "packet")?;
        self.lost = order.u32_at::<12, HEAD>(&head);
        let (seconds, micros) = (
            order.u32_at::<16, HEAD>(&head),
            order.u32_at::<20, HEAD>(&head),
        );
        let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(micros) * 1_000;
        Ok(Some(Packet {
            at: Some(Moment::from_nanos(nanos)),
            bytes: &input.take(record)[HEAD..HEAD + captured],
            length: length.max(captured as u32),
            link: self.link,
            offset,
        }))
    }
}
