//! Capture files as packets: pcap and pcapng, plain, gzip or zstd, from anything that can be read.
//!
//! Memory is bounded by the largest packet a format allows, whatever the file says. What can't be read
//! is an error with its byte offset, and everything before it was handed out.
//!
//! Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.

mod buffer;
mod bytes;
mod error;
mod options;
mod pcap;
mod pcapng;
mod resolution;
mod unpack;

pub use error::ReadError;
pub use unpack::Compression;

use std::io::Read;

use crate::Moment;
use buffer::Buffer;
use pcap::Pcap;
use pcapng::Pcapng;
use unpack::Unpacked;

/// The longest packet taken from a file, bytes: that of a jumbo of IPv6 is cut by every capture tool.
pub const LONGEST_PACKET: u32 = 256 * 1024;

/// What the bytes of a packet begin with: a LINKTYPE of <https://www.tcpdump.org/linktypes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub u16);

impl Link {
    /// BSD loopback: the address family in the byte order of the machine that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet, with or without VLAN tags.
    pub const ETHERNET: Self = Self(1);
    /// IPv4 or IPv6 without anything before it.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: the address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1 (`tcpdump -i any`).
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4 without anything before it.
    pub const IPV4: Self = Self(228);
    /// IPv6 without anything before it.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2 (`tcpdump -i any` since tcpdump 4.99).
    pub const LINUX_SLL2: Self = Self(276);
}

/// A packet of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When it was captured; `None` in the simple packet blocks of pcapng, which don't say.
    pub at: Option<Moment>,
    /// What was captured of it, from the link layer on.
    pub bytes: &'a [u8],
    /// How many bytes it had.
    pub length: u32,
    /// What it begins with.
    pub link: Link,
    /// Where its record begins in the (unpacked) file.
    pub offset: u64,
}

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The format of libpcap, micro- or nanoseconds, either byte order.
    Pcap,
    /// The next generation: blocks, several interfaces.
    Pcapng,
}

/// A capture being read.
#[derive(Debug)]
pub struct Reader<R> {
    input: Buffer<Unpacked<R>>,
    file: File,
    failed: bool,
}

#[derive(Debug)]
enum File {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl<R: Read> Reader<R> {
    /// Reads the head of a capture. The format and the compression are told from the first bytes.
    ///
    /// `input` needs no buffer of its own: it is asked for large pieces, and may give small ones.
    ///
    /// # Errors
    /// What can't be read, or is no capture at all.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let mut input = Buffer::new(Unpacked::new(input)?);
        let file = match input.first(4)? {
            [] => return Err(ReadError::Empty),
            pcapng::SECTION => File::Pcapng(Pcapng::default()),
            _ => File::Pcap(Pcap::read(&mut input)?),
        };
        Ok(Self {
            input,
            file,
            failed: false,
        })
    }

    /// The next packet, or `None` at the end of the capture and after an error.
    ///
    /// # Errors
    /// What can't be read, with its byte offset. Everything before it has been handed out.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, ReadError> {
        if self.failed {
            return Ok(None);
        }
        let next = match &mut self.file {
            File::Pcap(file) => file.next(&mut self.input),
            File::Pcapng(file) => file.next(&mut self.input),
        };
        self.failed = next.is_err();
        next
    }

    /// The format of the file.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.file {
            File::Pcap(_) => Format::Pcap,
            File::Pcapng(_) => Format::Pcapng,
        }
    }

    /// How the file is compressed; `None`: it isn't.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        self.input.input().compression()
    }

    /// How many bytes of the (unpacked) capture have been handed out.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Packets that the capturing machine says it lost, where the file has such statistics (pcapng).
    #[must_use]
    pub fn lost(&self) -> Option<u64> {
        match &self.file {
            File::Pcap(_) => None,
            File::Pcapng(file) => file.lost(),
        }
    }
}
