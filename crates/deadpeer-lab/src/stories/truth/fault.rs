//! What captures can show of the lab's faults.

use deadpeer_capture::Side;

use crate::stories::At;

/// Words of who was gone; `None`: nobody.
pub(super) type Gone = Option<&'static str>;

/// What happened to the path or the peer, as captures can show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Neither hears the other.
    BothWays,
    /// The peer's link is down: ours go into it, nothing comes out of it.
    TheirNetwork,
    /// The peer does not hear us.
    Ours,
    /// We do not hear the peer.
    Theirs,
    /// Our machine's network ended before the wire.
    OurNetwork,
    /// Our machine lost the address: over IPv6 it still sends what was queued, and takes nothing
    /// that comes.
    OurAddress,
    /// Our sockets were destroyed.
    Destroyed,
    /// The peer's program closed, and read everything.
    Closed,
    /// The peer's program or kernel ended it with a RST.
    Aborted,
    /// Something answers in the peer's name that knows no such connection.
    Forgotten,
    /// A relay goes on in the peer's place.
    Relayed,
    /// None, or one that was over in the end.
    Passing,
}

impl Fault {
    /// What the scenario of the library with this name does.
    pub(super) fn of(scenario: &str) -> Option<Self> {
        Some(match scenario {
            "silent-drop" | "power-off" | "nat-lost" | "icmp-host" | "icmp-network"
            | "icmp-port" | "icmp-prohibited" => Self::BothWays,
            "cable-pulled" | "far-link-down" => Self::TheirNetwork,
            "silent-drop-ours" => Self::Ours,
            "silent-drop-theirs" => Self::Theirs,
            "no-carrier" | "own-interface-down" | "own-route-removed" => Self::OurNetwork,
            "own-address-removed" => Self::OurAddress,
            "destroyed" => Self::Destroyed,
            "orderly-close" | "killed" | "fin-wait-2" => Self::Closed,
            "abort" | "killed-unread" => Self::Aborted,
            "reboot" | "nat-lost-reset" | "reject-reset" => Self::Forgotten,
            "proxy" => Self::Relayed,
            "busy" | "delay" | "frozen" | "half-close" | "icmp-outage" | "loss-5" | "loss-25"
            | "loss-40" | "not-reading" | "outage-third" | "outage-four-fifths" | "slow-reader" => {
                Self::Passing
            }
            _ => return None,
        })
    }

    /// Whether our machine did it to itself: what our kernel did about it is in no capture.
    pub(super) fn is_our_machines(self) -> bool {
        matches!(self, Self::OurNetwork | Self::OurAddress)
    }

    /// The side of which nothing comes to this end any more: then "path" is true only where its
    /// host was heard just before.
    pub(super) fn silences(self, at: At) -> Option<Side> {
        let (side, silent) = match at {
            At::Ours => {
                let theirs = matches!(self, Self::BothWays | Self::TheirNetwork | Self::Theirs);
                (Side::Server, theirs)
            }
            At::Theirs => {
                let ours = matches!(self, Self::BothWays | Self::Ours | Self::OurNetwork);
                (Side::Client, ours)
            }
        };
        silent.then_some(side)
    }

    /// Who can be called gone at this end.
    pub(super) fn gone(self, at: At) -> &'static [Gone] {
        match (self, at) {
            (Self::BothWays | Self::TheirNetwork, At::Ours) | (Self::TheirNetwork, At::Theirs) => {
                &[Some("server")]
            }
            // Its host may have been heard elsewhere just before.
            (Self::Theirs, At::Ours) => &[Some("server"), Some("path")],
            // Whether it is still there shows only where it goes on speaking.
            (Self::Ours, At::Ours) => &[Some("server"), Some("way-to-server"), Some("path")],
            (Self::BothWays | Self::Ours, At::Theirs) => &[Some("client")],
            // That it is still there shows only if it asks something itself.
            (Self::Theirs, At::Theirs) => &[Some("way-to-client"), Some("client"), Some("path")],
            // Those of its connections that have nothing queued are silent while others are heard.
            (Self::OurNetwork | Self::OurAddress, _) => {
                &[Some("client"), Some("way-to-client"), Some("path")]
            }
            // Whether a host, a firewall or a NAT has forgotten it, a RST does not say.
            (Self::Forgotten, _) => &[Some("connection")],
            (Self::Passing, At::Ours) => &[Some("server"), Some("way-to-server"), Some("path")],
            // Who gave up without a word disowns it later.
            (Self::Passing, At::Theirs) => &[
                Some("client"),
                Some("way-to-client"),
                Some("path"),
                Some("connection"),
            ],
            (Self::Destroyed | Self::Closed | Self::Aborted | Self::Relayed, _) => &[None],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::library;

    #[test]
    fn what_captures_show_is_said_of_every_scenario() {
        for scenario in library().unwrap() {
            assert!(Fault::of(&scenario.name).is_some(), "{}", scenario.name);
        }
    }
}
