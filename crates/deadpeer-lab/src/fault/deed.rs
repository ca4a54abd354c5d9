//! The deeds that faults are made of.

use std::time::Duration;

use serde::Deserialize;

use super::duration;

/// One thing that is done, or a wait.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(
    tag = "do",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
#[non_exhaustive]
pub enum Deed {
    /// Time passes before the next deed. Exactly one of the two is given.
    Wait {
        /// So long.
        #[serde(default, deserialize_with = "duration::read_some")]
        time: Option<Duration>,
        /// This share of the deadline.
        #[serde(default)]
        share_of_deadline: Option<f64>,
    },
    /// Packets vanish without a word.
    Cut {
        /// Whose packets.
        packets: Way,
    },
    /// Each packet is lost with a probability.
    Lose {
        /// Whose packets.
        packets: Way,
        /// The probability, 0 to 1.
        share: f64,
    },
    /// Packets arrive later, in their order.
    Delay {
        /// Whose packets.
        packets: Way,
        /// The delay of every packet.
        #[serde(deserialize_with = "duration::read")]
        by: Duration,
        /// The most that is added at random.
        #[serde(default, deserialize_with = "duration::read")]
        jitter: Duration,
    },
    /// A router answers our packets with "unreachable"; the peer's vanish.
    Unreachable {
        /// What it says is unreachable.
        what: Unreachable,
    },
    /// A firewall answers every packet, ours and the peer's, with RST.
    Reject {},
    /// A NAT keeps state from here on: connections that began earlier are unknown to it.
    Track {
        /// Whether it answers segments without state with RST, or not at all.
        resets: bool,
    },
    /// The NAT forgets all its state.
    Forget {},
    /// Takes back every cut, loss, delay, rejection and unplugged cable; a NAT stays.
    Mend {},
    /// Pulls the cable of a host: its interface reports no carrier.
    Unplug {
        /// Whose.
        host: Side,
    },
    /// A host's interface is set down.
    InterfaceDown {
        /// Whose.
        host: Side,
    },
    /// A host loses its addresses.
    RemoveAddresses {
        /// Whose.
        host: Side,
    },
    /// A host loses its default routes.
    RemoveRoutes {
        /// Whose.
        host: Side,
    },
    /// The peer's machine starts again: same addresses, no memory. Its old programs have lost the
    /// network.
    Reboot {},
    /// An administrator of our own machine destroys our sockets (`ss -K`).
    Destroy {},
    /// The peer's program closes its connections and ends listening.
    Close {},
    /// The peer's program shuts down its sending half and goes on reading.
    Shutdown {},
    /// The peer's program closes with `SO_LINGER` 0.
    Abort {},
    /// The peer's program no longer reads, and bytes arrive that it has not read.
    LeaveUnread {},
    /// The peer's program is killed by SIGKILL.
    Kill {},
    /// The peer's program is stopped by SIGSTOP; its kernel goes on answering.
    Freeze {},
    /// The peer's program goes on.
    Thaw {},
    /// The peer's program does not read any more.
    StopReading {},
    /// The peer's program reads slowly and steadily.
    ReadSlowly {
        /// Bytes a second from each connection.
        bytes_per_s: u32,
    },
    /// The peer's program burns every processor it can get.
    Burn {},
}

/// Whose packets are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Those of both sides.
    Both,
    /// Ours.
    Ours,
    /// The peer's.
    Theirs,
}

/// One of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The one whose connections are watched.
    Ours,
    /// The other one.
    Theirs,
}

/// What a router says it cannot reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unreachable {
    /// The host.
    Host,
    /// The network.
    Network,
    /// It is prohibited by an administrator.
    Prohibited,
    /// The port.
    Port,
}

impl Deed {
    /// What makes it impossible, in a few words.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if let Self::Wait {
            time,
            share_of_deadline,
        } = *self
            && (time.is_some() == share_of_deadline.is_some()
                || share_of_deadline.is_some_and(|share| !(0.0..=10.0).contains(&share)))
        {
            return Some("wait takes either time or share-of-deadline (0 to 10)");
        }
        if matches!(*self, Self::Lose { share, .. } if !(0.0..=1.0).contains(&share)) {
            return Some("lose takes a share of 0 to 1");
        }
        matches!(self, Self::ReadSlowly { bytes_per_s: 0 })
            .then_some("read-slowly takes at least 1 byte a second")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_is_in_the_documentation() {
        let unknown = toml::from_str::<Deed>("do = \"nothing\"").unwrap_err();
        // "unknown variant `nothing`, expected one of `wait`, `cut`, ..."
        let names: Vec<&str> = unknown.message().split('`').skip(3).step_by(2).collect();
        assert!(names.len() > 20, "{unknown}");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenarios.md");
        let document = std::fs::read_to_string(path).unwrap();
        for name in names {
            let alone = document.contains(&format!("`{name}`"));
            let written_out = document.contains(&format!("do = \"{name}\""));
            assert!(alone || written_out, "{name}");
        }
    }
}
