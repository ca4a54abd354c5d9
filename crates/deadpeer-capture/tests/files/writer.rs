//! Writes the formats, in either byte order.

use std::io::{self, Read};

use deadpeer_capture::{Link, ReadError, Reader};

/// A number in the byte order of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, n: u16) -> [u8; 2] {
        match self {
            Self::Little => n.to_le_bytes(),
            Self::Big => n.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, n: u32) -> [u8; 4] {
        match self {
            Self::Little => n.to_le_bytes(),
            Self::Big => n.to_be_bytes(),
        }
    }

    pub(crate) fn u64(self, n: u64) -> [u8; 8] {
        match self {
            Self::Little => n.to_le_bytes(),
            Self::Big => n.to_be_bytes(),
        }
    }
}

/// A pcap file of packets, each with seconds and a fraction.
pub(crate) fn pcap(order: Order, magic: u32, link: u32, packets: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(order.u32(magic));
    file.extend(order.u16(2));
    file.extend(order.u16(4));
    file.extend([0; 8]);
    file.extend(order.u32(65_535));
    file.extend(order.u32(link));
    for (seconds, fraction, bytes) in packets {
        file.extend(order.u32(*seconds));
        file.extend(order.u32(*fraction));
        file.extend(order.u32(bytes.len() as u32));
        file.extend(order.u32(bytes.len() as u32 + 5));
        file.extend(*bytes);
    }
    file
}

/// A pcapng block.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let length = 12 + body.len().next_multiple_of(4);
    let mut block = Vec::new();
    block.extend(order.u32(kind));
    block.extend(order.u32(length as u32));
    block.extend(body);
    block.resize(length - 4, 0);
    block.extend(order.u32(length as u32));
    block
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend(order.u16(1));
    body.extend(order.u16(0));
    body.extend(order.u64(u64::MAX));
    block(order, 0x0a0d_0d0a, &body)
}

pub(crate) fn interface(order: Order, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
    let mut body = order.u16(link).to_vec();
    body.extend([0; 2]);
    body.extend(order.u32(snaplen));
    body.extend(options);
    block(order, 1, &body)
}

pub(crate) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = order.u16(code).to_vec();
    option.extend(order.u16(value.len() as u16));
    option.extend(value);
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

pub(crate) fn enhanced(order: Order, interface: u32, ticks: u64, bytes: &[u8]) -> Vec<u8> {
    let mut body = order.u32(interface).to_vec();
    body.extend(order.u32((ticks >> 32) as u32));
    body.extend(order.u32(ticks as u32));
    body.extend(order.u32(bytes.len() as u32));
    body.extend(order.u32(bytes.len() as u32));
    body.extend(bytes);
    block(order, 6, &body)
}

/// A packet, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) nanos: Option<u64>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) length: u32,
    pub(crate) link: Link,
    pub(crate) offset: u64,
}

/// Everything that can be read, and what can't.
pub(crate) fn read_all(input: impl Read) -> (Vec<Got>, Option<ReadError>) {
    let mut reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut packets = Vec::new();
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => packets.push(Got {
                nanos: packet.at.map(|at| at.nanos()),
                bytes: packet.bytes.to_vec(),
                length: packet.length,
                link: packet.link,
                offset: packet.offset,
            }),
            Ok(None) => return (packets, None),
            Err(error) => {
                assert!(matches!(reader.next_packet(), Ok(None)), "an error ends it");
                return (packets, Some(error));
            }
        }
    }
}

/// Gives at most so many bytes at once, and is interrupted now and then.
pub(crate) struct Pieces<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) sizes: &'a [usize],
    pub(crate) turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self
            .sizes
            .get(self.turn % self.sizes.len().max(1))
            .copied()
            .unwrap_or(1);
        self.turn += 1;
        if size == 0 && !self.bytes.is_empty() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = size.min(into.len()).min(self.bytes.len());
        into[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        Ok(n)
    }
}
