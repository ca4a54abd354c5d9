//! Packets that a capture has more than once.
//!
//! `tcpdump -i any` sees a packet on the bridge and on its port, on the VLAN and on the card below it, coming in and
//! going out again. A retransmission has the same sequence number but is a new packet: Linux gives it a new IP
//! identification. Where that is missing (IPv6, or 0) timestamps and checksum must be the same, and the copy be close.

use std::time::Duration;

use crate::Moment;
use crate::dissect::Segment;

/// A copy with the same IP identification comes this soon.
const NEAR: Duration = Duration::from_millis(100);
/// One without comes this soon: less than any retransmission timeout.
const VERY_NEAR: Duration = Duration::from_millis(10);

/// A card hands on this many packets at once (the kernel's `gro_normal_batch`), and copies follow after them.
const BATCH: usize = 8;

/// The last packets of a side, as numbers that copies have in common.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    prints: [u32; BATCH],
    next: u8,
}

impl Recent {
    pub(crate) fn touch(&self) -> Option<u32> {
        self.prints.last().copied()
    }

    /// Whether this is a copy of a packet of which the last came at `last`; remembers it if not.
    pub(crate) fn has(&mut self, segment: &Segment, last: Option<Moment>, now: Moment) -> bool {
        let id = segment.ip_id.filter(|id| *id != 0);
        let print = print_of(segment, id);
        let near = if id.is_some() { NEAR } else { VERY_NEAR };
        let close = last.is_some_and(|last| now.since(last) <= near);
        if close && self.prints.contains(&print) {
            return true;
        }
        self.prints[usize::from(self.next) % BATCH] = print;
        self.next = self.next.wrapping_add(1);
        false
    }
}

/// A number that differs between different packets, but for one pair in four billion. Never 0.
fn print_of(segment: &Segment, id: Option<u16>) -> u32 {
    let identity = match (id, segment.timestamps) {
        (Some(id), _) => u64::from(id),
        (None, Some((value, echo))) => {
            u64::from(value) << 32 | u64::from(echo ^ u32::from(segment.checksum.unwrap_or(0)))
        }
        (None, None) => u64::from(segment.checksum.unwrap_or(0)) << 16,
    };
    let place = u64::from(segment.seq) << 32 | u64::from(segment.ack);
    let shape = u64::from(segment.length) << 32
        | u64::from(segment.flags.0) << 16
        | u64::from(segment.window);
    let mut mixed = 0_u64;
    for word in [identity, place, shape] {
        // Steele and Vigna's constant spreads every bit over the upper half.
        mixed = (mixed ^ word).wrapping_mul(0xd134_2543_de82_ef95);
        mixed ^= mixed >> 32;
    }
    (mixed as u32).max(1)
}
