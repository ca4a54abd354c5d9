//! The pcapng format: blocks that carry their type and length twice over.

use std::io::Read;

use super::buffer::Buffer;
use super::bytes::Order;
use super::error::ReadError;
use super::options::options;
use super::resolution::Resolution;
use super::unpack::Unpacked;
use super::{LONGEST_PACKET, Link, Packet};

/// The type of a section header block: a palindrome, so it reads the same in both byte orders.
pub(super) const SECTION: &[u8] = &[0x0a, 0x0d, 0x0d, 0x0a];
const SECTION_TYPE: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;
const LOST_BY_INTERFACE: u16 = 5;
const LOST_BY_SYSTEM: u16 = 7;

/// Blocks that are looked into are not longer; packets with their options and heads.
const LONGEST_BLOCK: u32 = LONGEST_PACKET * 4;
/// A section with more interfaces is no capture.
const MOST_INTERFACES: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Packets lost, as the last statistics of each interface say; of finished sections too.
    lost: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: Link,
    /// Bytes kept of each packet; 0: all.
    snaplen: u32,
    resolution: Resolution,
    lost: u64,
}

/// Where a packet stands in its block.
struct Place {
    interface: u32,
    ticks: Option<u64>,
    captured: u32,
    length: u32,
    /// The size of what stands before it, the head of the block included.
    head: usize,
}

impl Pcapng {
    pub(super) fn lost(&self) -> Option<u64> {
        self.lost
    }

    pub(super) fn next<'a, R: Read>(
        &mut self,
        input: &'a mut Buffer<Unpacked<R>>,
    ) -> Result<Option<Packet<'a>>, ReadError> {
        // Each turn takes one block; the loop ends at a packet, for the borrow of its bytes lasts.
        let (offset, length, place) = loop {
            let offset = input.offset();
            let Some(head) = input.head::<12>("block")? else {
                return Ok(None);
            };
            let kind = self.order.u32_at::<0, 12>(&head);
            if kind == SECTION_TYPE {
                self.section(input, &head)?;
                continue;
            }
            let length = self.block_length(offset, &head)?;
            let place = match kind {
                ENHANCED_PACKET => self.place(input, length, Self::enhanced)?,
                OBSOLETE_PACKET => self.place(input, length, Self::obsolete)?,
                SIMPLE_PACKET => self.place(input, length, Self::simple)?,
                INTERFACE => {
                    self.interface(input, length)?;
                    continue;
                }
                STATISTICS if length <= LONGEST_BLOCK => {
                    self.statistics(input, length)?;
                    continue;
                }
                // Names, secrets, journals, and what others invent.
                _ => {
                    input.skip(u64::from(length), "block")?;
                    continue;
                }
            };
            break (offset, length, place);
        };
        let corrupt = |what| ReadError::Corrupt { offset, what };
        let interface = usize::try_from(place.interface)
            .ok()
            .and_then(|index| self.interfaces.get(index))
            .ok_or_else(|| corrupt("a packet of an interface that was not described"))?;
        let room = (length as usize).saturating_sub(place.head + 4);
        let captured = place.captured as usize;
        if captured > room {
            return Err(corrupt("a packet longer than its block"));
        }
        let block = input.take(length as usize);
        Ok(Some(Packet {
            at: place.ticks.map(|ticks| interface.resolution.moment(ticks)),
            bytes: &block[place.head..place.head + captured],
            length: place.length.max(place.captured),
            link: interface.link,
            offset,
        }))
    }

    /// A section begins: its byte order is its own, and so are its interfaces.
    fn section<R: Read>(
        &mut self,
        input: &mut Buffer<Unpacked<R>>,
        head: &[u8; 12],
    ) -> Result<(), ReadError> {
        let offset = input.offset();
        self.order = if Order::Little.u32_at::<8, 12>(head) == BYTE_ORDER {
            Order::Little
        } else if Order::Big.u32_at::<8, 12>(head) == BYTE_ORDER {
            Order::Big
        } else {
            return Err(ReadError::Corrupt {
                offset: offset + 8,
                what: "a section without a byte order",
            });
        };
        let length = self.block_length(offset, head)?;
        let Some(whole) = input.head::<16>("section header")? else {
            return Ok(());
        };
        let (major, minor) = (
            self.order.u16_at::<12, 16>(&whole),
            self.order.u16_at::<14, 16>(&whole),
        );
        if major != 1 {
            return Err(ReadError::UnknownVersion {
                offset: offset + 12,
                major,
                minor,
            });
        }
        self.interfaces.clear();
        input.skip(u64::from(length), "section header")
    }

    /// The length of a block, checked for what every block has. Some writers do not count what
    /// fills it up to a multiple of 4.
    fn block_length(&self, offset: u64, head: &[u8; 12]) -> Result<u32, ReadError> {
        let length = self.order.u32_at::<4, 12>(head);
        let what = match length.checked_next_multiple_of(4) {
            Some(length) if length >= 12 => return Ok(length),
            Some(_) => "a block shorter than its head",
            None => "a block longer than any packet",
        };
        Err(ReadError::Corrupt {
            offset: offset + 4,
            what,
        })
    }

    /// Makes sure that a block that is looked into is there, and that both its lengths agree.
    fn whole<'a, R: Read>(
        &self,
        input: &'a mut Buffer<Unpacked<R>>,
        length: u32,
    ) -> Result<&'a [u8], ReadError> {
        let offset = input.offset();
        let corrupt = |offset, what| Err(ReadError::Corrupt { offset, what });
        if length > LONGEST_BLOCK {
            return corrupt(offset + 4, "a block longer than any packet");
        }
        let order = self.order;
        input.need(length as usize, "block")?;
        let block = input.first(length as usize)?;
        match block.last_chunk::<4>() {
            Some(last) if order.u32(*last).checked_next_multiple_of(4) == Some(length) => Ok(block),
            _ => corrupt(
                offset + u64::from(length) - 4,
                "a block whose two lengths differ",
            ),
        }
    }

    fn place<R: Read>(
        &self,
        input: &mut Buffer<Unpacked<R>>,
        length: u32,
        of: impl Fn(&Self, &[u8]) -> Option<Place>,
    ) -> Result<Place, ReadError> {
        let offset = input.offset();
        of(self, self.whole(input, length)?).ok_or(ReadError::Corrupt {
            offset,
            what: "a packet block too short for its head",
        })
    }

    fn enhanced(&self, block: &[u8]) -> Option<Place> {
        let head = block.first_chunk::<28>()?;
        let word = |n: [u8; 4]| self.order.u32(n);
        let at = |place: usize| {
            word([
                head[place],
                head[place + 1],
                head[place + 2],
                head[place + 3],
            ])
        };
        Some(Place {
            interface: at(8),
            ticks: Some(u64::from(at(12)) << 32 | u64::from(at(16))),
            captured: at(20),
            length: at(24),
            head: 28,
        })
    }

    fn obsolete(&self, block: &[u8]) -> Option<Place> {
        let place = self.enhanced(block)?;
        // 16 bits of interface and 16 bits of drops stand where the enhanced block has the
        // interface.
        let interface = self.order.u16_at::<8, 28>(block.first_chunk()?);
        Some(Place {
            interface: u32::from(interface),
            ..place
        })
    }

    fn simple(&self, block: &[u8]) -> Option<Place> {
        let head = block.first_chunk::<12>()?;
        let length = self.order.u32_at::<8, 12>(head);
        let snaplen = self.interfaces.first().map_or(0, |first| first.snaplen);
        let limit = if snaplen == 0 { u32::MAX } else { snaplen };
        let room = u32::try_from(block.len().checked_sub(16)?).ok()?;
        Some(Place {
            interface: 0,
            ticks: None,
            captured: length.min(limit).min(room),
            length,
            head: 12,
        })
    }

    fn interface<R: Read>(
        &mut self,
        input: &mut Buffer<Unpacked<R>>,
        length: u32,
    ) -> Result<(), ReadError> {
        let offset = input.offset();
        let corrupt = |what| Err(ReadError::Corrupt { offset, what });
        if self.interfaces.len() >= MOST_INTERFACES {
            return corrupt("more than 65536 interfaces");
        }
        let order = self.order;
        let block = self.whole(input, length)?;
        let Some(head) = block.first_chunk::<16>().filter(|_| block.len() >= 20) else {
            return corrupt("an interface block too short for its head");
        };
        let mut interface = Interface {
            link: Link(order.u16_at::<8, 16>(head)),
            snaplen: order.u32_at::<12, 16>(head),
            resolution: Resolution::default(),
            lost: 0,
        };
        for (code, value) in options(order, &block[16..block.len() - 4]) {
            match (code, value) {
                (TIME_RESOLUTION, [unit, ..]) => interface.resolution.set_unit(*unit),
                (TIME_OFFSET, value) => {
                    if let Some(seconds) = value.first_chunk::<8>() {
                        interface.resolution.offset_s = order.u64(*seconds).cast_signed();
                    }
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        input.take(length as usize);
        Ok(())
    }

    /// The statistics of an interface, which count from the begin of the capture.
    fn statistics<R: Read>(
        &mut self,
        input: &mut Buffer<Unpacked<R>>,
        length: u32,
    ) -> Result<(), ReadError> {
        let order = self.order;
        let block = self.whole(input, length)?;
        let index = block
            .get(8..12)
            .and_then(|id| Some(order.u32(*id.first_chunk()?)));
        let given = block.get(20..block.len() - 4).unwrap_or(&[]);
        let lost = options(order, given)
            .filter(|(code, _)| matches!(*code, LOST_BY_INTERFACE | LOST_BY_SYSTEM))
            .filter_map(|(_, value)| Some(order.u64(*value.first_chunk()?)))
            .reduce(u64::saturating_add);
        let interface = index
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.interfaces.get_mut(index));
        if let (Some(lost), Some(interface)) = (lost, interface) {
            let before = std::mem::replace(&mut interface.lost, lost);
            let all = self.lost.unwrap_or(0).saturating_sub(before);
            self.lost = Some(all.saturating_add(lost));
        }
        input.take(length as usize);
        Ok(())
    }
}
