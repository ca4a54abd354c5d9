//! Connections that a capture has more than once: before and after their addresses were translated.
//!
//! Where a NAT or a load balancer is captured on both sides, its SYN passes twice: with another
//! address or port and a lower TTL, and with the same sequence number, window and timestamps. The
//! sequence number alone proves nothing, as scanners use one for all their SYNs, under TTLs of
//! their own: so the IP identification or the timestamps must be the same too.

use std::time::Duration;

use crate::Moment;
use crate::dissect::{Flags, Segment};

/// The translated SYN follows this soon, if not at once then by the clock of another machine in a
/// merged capture.
const NEAR: Duration = Duration::from_secs(1);
/// No more routers than this stand between the two places of capture.
const HOPS: std::ops::RangeInclusive<u8> = 1..=3;
/// So many of the latest SYNs are remembered.
const SYNS: usize = 1024;
/// More captured places than this are not one path.
pub(super) const PLACES: usize = 4;

/// Where a conversation is, and its number: another may have taken its place.
pub(super) type Link = (usize, u64);

/// The latest SYNs, by their sequence number.
#[derive(Debug, Default)]
pub(super) struct Openings {
    slots: Vec<Option<Opening>>,
}

#[derive(Debug, Clone, Copy)]
struct Opening {
    syn: Segment,
    at: Moment,
    link: Link,
}

impl Openings {
    /// Remembers the SYN of a conversation. Returns the conversation that is the same before or
    /// after translation.
    pub(super) fn passes(&mut self, syn: &Segment, at: Moment, link: Link) -> Option<Link> {
        if Flags::SYN.and(Flags::ACK).0 & syn.flags.0 != Flags::SYN.0 {
            return None;
        }
        self.slots.resize(SYNS, None);
        // Knuth's constant spreads numbers that were counted.
        let slot = syn.seq.wrapping_mul(2_654_435_769) as usize >> 22;
        let new = Opening {
            syn: *syn,
            at,
            link,
        };
        let before = self.slots[slot % SYNS].replace(new)?;
        new.translates(&before).then_some(before.link)
    }
}

impl Opening {
    fn translates(&self, before: &Self) -> bool {
        let (new, old) = (&self.syn, &before.syn);
        let same_id = new.ip_id.is_some_and(|id| id != 0) && new.ip_id == old.ip_id;
        let ends = |syn: &Segment| (syn.source, syn.destination);
        new.seq == old.seq
            && new.window == old.window
            && new.timestamps == old.timestamps
            && (same_id || new.timestamps.is_some())
            && HOPS.contains(&new.hops.abs_diff(old.hops))
            && (new.source.port == old.source.port || new.destination.port == old.destination.port)
            && ends(new) != ends(old)
            && self.at.since(before.at) <= NEAR
    }
}
