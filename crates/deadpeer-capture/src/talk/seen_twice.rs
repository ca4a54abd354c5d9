//! Packets that a capture has more than once.
//!
//! `tcpdump -i any` sees a packet on the bridge and on its port, on the VLAN and on the card below
//! it, coming in and going out again. A retransmission has the same sequence number but is a new
//! packet: Linux gives it a new IP identification. Where that is missing (IPv6, or 0) timestamps
//! and checksum must be the same, and the copy be close.

use std::time::Duration;

use super::conversation::Turn;
use crate::Moment;
use crate::dissect::Segment;

/// A copy with the same IP identification comes this soon.
const NEAR: Duration = Duration::from_millis(100);
/// One without comes this soon: less than any retransmission timeout.
const VERY_NEAR: Duration = Duration::from_millis(10);

/// A card hands on this many packets at once (the kernel's `gro_normal_batch`), and copies follow
/// after them.
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
        let print = print_of(segment);
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

/// The first packet of a conversation, and whether it comes again because a capture was appended to
/// itself.
#[derive(Debug)]
pub(crate) struct First {
    print: u32,
    /// The run of the clock in which everything comes again.
    again_in: Option<u16>,
}

impl First {
    pub(super) fn touch(&self) -> u64 {
        self.print.into()
    }

    pub(super) fn of(segment: &Segment) -> Self {
        Self {
            print: print_of(segment),
            again_in: None,
        }
    }

    /// Whether this packet of a later run, or one that is stamped earlier than those before it, was
    /// there before.
    pub(super) fn comes_again(&mut self, segment: &Segment, last_run: u16, turn: &Turn) -> bool {
        let run = Some(turn.run);
        if self.again_in != run
            && (turn.went_back || last_run != turn.run)
            && self.print == print_of(segment)
        {
            self.again_in = run;
        }
        self.again_in == run
    }
}

/// A number that differs between different packets, but for one pair in four billion. Never 0.
fn print_of(segment: &Segment) -> u32 {
    let id = segment.ip_id.filter(|id| *id != 0);
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
