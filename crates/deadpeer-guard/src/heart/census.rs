//! How many far peers there are, and when each was last heard.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use super::facts::ServiceId;

/// How many far peers there are, and when each was last heard.
///
/// A sweep of very many sockets waits for memory more than for anything else, and most peers belong
/// to one service: that takes one small entry of one table.
#[derive(Debug, Clone, Default)]
pub struct Census {
    services: FxHashMap<ServiceId, u32>,
    peers: FxHashMap<IpAddr, Peer>,
    /// Those of further services.
    further: FxHashMap<(ServiceId, IpAddr), Heard>,
}

/// The service that a peer was first seen with.
#[derive(Debug, Clone, Copy)]
struct Peer {
    service: ServiceId,
    by_service: Heard,
    /// By whichever.
    heard: Heard,
}

/// How long ago, in milliseconds; the most there is: that was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Heard(u32);

const _: () = assert!(size_of::<(IpAddr, Peer)>() <= 32);

impl Heard {
    fn ago(ago: Option<Duration>) -> Self {
        let ms = ago.map(|ago| u32::try_from(ago.as_millis()).unwrap_or(u32::MAX));
        Self(ms.unwrap_or(u32::MAX))
    }

    fn is_within(self, time: Duration) -> bool {
        self.0 < u32::MAX && u128::from(self.0) <= time.as_millis()
    }
}

impl Census {
    /// Begins anew.
    pub fn clear(&mut self) {
        self.services.clear();
        self.peers.clear();
        self.further.clear();
    }

    /// Takes in a connection with a far peer, which was heard on it so long ago; `None`: that was
    /// not looked at. A peer counts once for its service, and once for the machine.
    pub fn add(&mut self, service: ServiceId, peer: IpAddr, heard_ago: Option<Duration>) {
        let heard = Heard::ago(heard_ago);
        let mut is_new = || *self.services.entry(service).or_default() += 1;
        match self.peers.entry(peer) {
            Entry::Vacant(new) => {
                new.insert(Peer {
                    service,
                    by_service: heard,
                    heard,
                });
                is_new();
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.heard = known.heard.min(heard);
                if known.service == service {
                    known.by_service = known.by_service.min(heard);
                    return;
                }
                match self.further.entry((service, peer)) {
                    Entry::Occupied(mut known) => {
                        let known = known.get_mut();
                        *known = heard.min(*known);
                    }
                    Entry::Vacant(new) => {
                        new.insert(heard);
                        is_new();
                    }
                }
            }
        }
    }

    /// Far peers of a service; `None`: of the machine.
    #[must_use]
    pub fn peers(&self, service: Option<ServiceId>) -> u32 {
        match service {
            Some(service) => self.services.get(&service).copied().unwrap_or_default(),
            None => u32::try_from(self.peers.len()).unwrap_or(u32::MAX),
        }
    }

    /// Whether a far peer has an address in one of these networks. They may be a million routes of
    /// a whole table that goes: one look at each peer, however many they are.
    pub(crate) fn has_peer_in(&self, nets: &HashSet<IpNet>) -> bool {
        let lengths: BTreeSet<u8> = nets.iter().map(IpNet::prefix_len).collect();
        let is_in = |peer: IpAddr| {
            let mut around = lengths.iter().map(|length| IpNet::new(peer, *length));
            around.any(|net| net.is_ok_and(|net| nets.contains(&net.trunc())))
        };
        let mut peers = self.peers.keys();
        !nets.is_empty() && peers.any(|peer| is_in(peer.to_canonical()))
    }

    /// Whether a peer was heard within so long, on any connection of a service; `None`: of the
    /// machine.
    pub(super) fn heard(&self, service: Option<ServiceId>, peer: IpAddr, within: Duration) -> bool {
        let known = self.peers.get(&peer);
        let heard = known.and_then(|known| match service {
            None => Some(known.heard),
            Some(service) if service == known.service => Some(known.by_service),
            Some(service) => self.further.get(&(service, peer)).copied(),
        });
        heard.is_some_and(|heard| heard.is_within(within))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn a_peer_of_several_services_counts_once_for_each() {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let other = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let mut census = Census::default();
        for (service, peer, heard) in [
            (1, peer, None),
            (2, peer, Some(S(9))),
            (2, peer, Some(S(5))),
            (1, peer, Some(S(20))),
            (2, other, Some(S(30))),
        ] {
            census.add(ServiceId(service), peer, heard);
        }
        let peers = |service: u32| census.peers(Some(ServiceId(service)));
        assert_eq!(
            (peers(1), peers(2), peers(3), census.peers(None)),
            (1, 2, 0, 2)
        );
        let heard =
            |service: Option<u32>, within| census.heard(service.map(ServiceId), peer, S(within));
        assert!(heard(Some(2), 5) && !heard(Some(2), 4));
        assert!(heard(Some(1), 20) && !heard(Some(1), 19));
        assert!(heard(None, 5) && !heard(None, 4));
        assert!(!heard(Some(3), 1_000));
    }

    #[test]
    fn peers_in_networks() {
        let mut census = Census::default();
        for peer in ["192.0.2.7", "::ffff:198.51.100.7", "2001:db8::7"] {
            census.add(ServiceId(1), peer.parse().unwrap(), None);
        }
        for (nets, has) in [
            (&[][..], false),
            (&["192.0.2.0/24"], true),
            (&["198.51.100.0/25", "203.0.113.0/24"], true),
            (&["2001:db8::/64"], true),
            (
                &["192.0.2.128/25", "192.0.3.0/24", "2001:db8:1::/64"],
                false,
            ),
            (&["0.0.0.0/0"], true),
        ] {
            let nets: HashSet<IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
            assert_eq!(census.has_peer_in(&nets), has, "{nets:?}");
        }
    }

    #[test]
    fn who_was_not_looked_at_was_not_heard() {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut census = Census::default();
        census.add(ServiceId(1), peer, None);
        assert!(!census.heard(None, peer, Duration::MAX));
    }
}
