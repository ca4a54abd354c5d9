//! The hosts of a capture: when each was heard last, and when something was last sent to it.
//!
//! A host that speaks elsewhere in the file is not gone, and one to which packets come is one whose
//! answers the capture would show. Beyond as many hosts as there may be conversations, new ones are
//! not remembered: nothing is then known of them.

use std::hash::BuildHasher as _;

use super::index::Index;
use crate::Moment;

/// The hosts, by address.
#[derive(Debug)]
pub(crate) struct Hosts {
    index: Index,
    seed: foldhash::fast::RandomState,
    list: Vec<Host>,
    most: usize,
}

/// What is known of a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host {
    address: u128,
    /// The last packet from it, and the number of its conversation.
    pub(crate) spoke: Option<(Moment, u64)>,
    /// The last packet to it.
    pub(crate) addressed: Option<Moment>,
}

/// The place of a host, if it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostId(u32);

impl HostId {
    const NONE: Self = Self(u32::MAX);
}

impl Hosts {
    pub(super) fn new(most: usize) -> Self {
        Self {
            index: Index::default(),
            seed: foldhash::fast::RandomState::default(),
            list: Vec::new(),
            most: most.min(u32::MAX as usize - 1),
        }
    }

    /// The place of a host, which is remembered from now on.
    pub(super) fn id(&mut self, address: u128) -> HostId {
        let hash = (self.seed.hash_one(address) >> 32) as u32;
        let known = self
            .index
            .places(hash)
            .find(|place| self.list[*place].address == address);
        if let Some(place) = known {
            return HostId(place as u32);
        }
        if self.list.len() >= self.most {
            return HostId::NONE;
        }
        let place = self.list.len();
        self.list.push(Host {
            address,
            spoke: None,
            addressed: None,
        });
        self.index.insert(hash, place);
        HostId(place as u32)
    }

    /// Reads a little of what is known of both.
    pub(super) fn touch(&self, both: [HostId; 2]) -> u64 {
        let known = both.into_iter().filter_map(|id| self.get(id));
        known.fold(0, |touched, host| {
            let spoke = host.spoke.map_or(0, |(_, of)| of);
            touched ^ spoke ^ host.addressed.map_or(0, Moment::nanos)
        })
    }

    pub(crate) fn get(&self, id: HostId) -> Option<&Host> {
        self.list.get(id.0 as usize)
    }

    /// A packet of a conversation went from one to another. Returns when the other had spoken last,
    /// if that was in another conversation.
    pub(super) fn passed(
        &mut self,
        (from, to): (HostId, HostId),
        number: u64,
        now: Moment,
    ) -> Option<Moment> {
        if let Some(source) = self.list.get_mut(from.0 as usize) {
            source.spoke = Some((now, number));
        }
        if from == to {
            return None;
        }
        let to = self.list.get_mut(to.0 as usize)?;
        to.addressed = Some(now);
        to.spoke.filter(|(_, of)| *of != number).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_beyond_the_most_are_not_remembered() {
        let mut hosts = Hosts::new(2);
        let [first, second, third] = [1, 2, 3].map(|address| hosts.id(address));
        assert_eq!(hosts.id(1), first);
        assert_ne!(first, second);
        assert_eq!(third, HostId::NONE);
        let at = Moment::from_nanos(7);
        assert_eq!(hosts.passed((first, second), 1, at), None);
        assert_eq!(hosts.passed((third, first), 2, at), Some(at));
        assert_eq!(hosts.passed((second, first), 1, at), None);
        assert_eq!(hosts.passed((second, third), 3, at), None);
        assert!(hosts.get(third).is_none());
    }
}
