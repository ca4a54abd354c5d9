//! Capture files as packets: pcap, pcapng and snoop, plain, gzip, zstd or lz4, from anything that
//! can be read.
//!
//! Memory is bounded by the largest packet a format allows, whatever the file says. What can't be
//! read is an error with its byte offset, and everything before it was handed out.
//!
//! Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, RFC 1761.

mod buffer;
mod bytes;
mod error;
mod options;
mod pcap;
mod pcapng;
mod resolution;
mod snoop;
mod unpack;

pub use error::ReadError;
pub use unpack::Compression;

use std::fmt;
use std::io::Read;

use crate::Moment;
use buffer::Buffer;
use pcap::Pcap;
use pcapng::Pcapng;
use snoop::Snoop;
use unpack::Unpacked;

/// The longest packet taken from a file, bytes: that of a jumbo of IPv6 is cut by every capture
/// tool.
pub const LONGEST_PACKET: u32 = 256 * 1024;

/// What the bytes of a packet begin with: a LINKTYPE of <https://www.tcpdump.org/linktypes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub u16);

impl Link {
    /// BSD loopback: the address family in the byte order of the machine that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet, with or without VLAN tags.
    pub const ETHERNET: Self = Self(1);
    /// Token ring (IEEE 802.5).
    pub const TOKEN_RING: Self = Self(6);
    /// ARCnet as BSDs record it.
    pub const ARCNET: Self = Self(7);
    /// PPP, with the framing of HDLC or without.
    pub const PPP: Self = Self(9);
    /// FDDI.
    pub const FDDI: Self = Self(10);
    /// PPP or Cisco's HDLC on a serial line.
    pub const PPP_HDLC: Self = Self(50);
    /// PPP over Ethernet, from its header on.
    pub const PPP_ETHERNET: Self = Self(51);
    /// LLC on ATM.
    pub const ATM_RFC1483: Self = Self(100);
    /// IPv4 or IPv6 without anything before it.
    pub const RAW: Self = Self(101);
    /// Cisco's HDLC.
    pub const CISCO_HDLC: Self = Self(104);
    /// IEEE 802.11 without anything before it.
    pub const IEEE802_11: Self = Self(105);
    /// Frame relay.
    pub const FRAME_RELAY: Self = Self(107);
    /// OpenBSD loopback: the address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// OpenBSD's IPsec interface: packets in the clear.
    pub const ENC: Self = Self(109);
    /// Linux cooked capture, version 1 (`tcpdump -i any`).
    pub const LINUX_SLL: Self = Self(113);
    /// OpenBSD's firewall log.
    pub const PFLOG: Self = Self(117);
    /// IEEE 802.11 after the header of Prism's drivers.
    pub const PRISM: Self = Self(119);
    /// IEEE 802.11 after a radiotap header.
    pub const RADIOTAP: Self = Self(127);
    /// ARCnet as Linux records it.
    pub const ARCNET_LINUX: Self = Self(129);
    /// IEEE 802.11 after the header of AVS' drivers.
    pub const AVS: Self = Self(163);
    /// PPP as pppd records it, after a byte for the direction.
    pub const PPP_PPPD: Self = Self(166);
    /// Ethernet, PPP, frame relay and Cisco's HDLC as Juniper's routers record them.
    pub const JUNIPER_ETHERNET: Self = Self(178);
    /// See [`Link::JUNIPER_ETHERNET`].
    pub const JUNIPER_PPP: Self = Self(179);
    /// See [`Link::JUNIPER_ETHERNET`].
    pub const JUNIPER_FRAME_RELAY: Self = Self(180);
    /// See [`Link::JUNIPER_ETHERNET`].
    pub const JUNIPER_CISCO_HDLC: Self = Self(181);
    /// A header that names the link type of what follows (CACE's PPI).
    pub const PPI: Self = Self(192);
    /// PPP after a byte for the direction.
    pub const PPP_WITH_DIRECTION: Self = Self(204);
    /// Cisco's HDLC after a byte for the direction.
    pub const CISCO_HDLC_WITH_DIRECTION: Self = Self(205);
    /// MPLS without anything before it.
    pub const MPLS: Self = Self(219);
    /// IPv4 without anything before it.
    pub const IPV4: Self = Self(228);
    /// IPv6 without anything before it.
    pub const IPV6: Self = Self(229);
    /// Linux' firewall log (`iptables -j NFLOG`).
    pub const NFLOG: Self = Self(239);
    /// IP over InfiniBand.
    pub const IPOIB: Self = Self(242);
    /// Linux cooked capture, version 2 (`tcpdump -i any` since tcpdump 4.99).
    pub const LINUX_SLL2: Self = Self(276);
}

/// As in "packets have link type 189 (USB)": with a name where it is one that people meet.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            143 => "DOCSIS",
            147..=162 => "private use",
            187 | 201 | 251 | 254 | 255 | 256 => "Bluetooth",
            186 | 189 | 220 | 249 | 288 => "USB",
            190 | 227 => "CAN",
            195 | 215 | 230 | 283 => "IEEE 802.15.4",
            197 => "ERF",
            252 => "exported by Wireshark",
            253 | 278 => "netlink",
            _ => return write!(f, "link type {}", self.0),
        };
        write!(f, "link type {} ({name})", self.0)
    }
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
    /// The format of Solaris' snoop.
    Snoop,
}

/// A capture being read.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: Buffer<Unpacked<R>>,
    file: File,
    failed: bool,
}

#[derive(Debug)]
enum File {
    Pcap(Pcap),
    Pcapng(Pcapng),
    Snoop(Snoop),
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
        let file = match input.first(snoop::MAGIC.len())? {
            [] => return Err(ReadError::Empty),
            first if first.starts_with(pcapng::SECTION) => File::Pcapng(Pcapng::default()),
            first if first == snoop::MAGIC => File::Snoop(Snoop::read(&mut input)?),
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
            File::Snoop(file) => file.next(&mut self.input),
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
            File::Snoop(_) => Format::Snoop,
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

    /// Packets that the capturing machine says it lost, where the file has such statistics (pcapng,
    /// snoop).
    #[must_use]
    pub fn lost(&self) -> Option<u64> {
        match &self.file {
            File::Pcap(_) => None,
            File::Pcapng(file) => file.lost(),
            File::Snoop(file) => Some(file.lost()),
        }
    }
}
