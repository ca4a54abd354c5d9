//! Rules: which packets, and what to do with them.

use std::time::Duration;

use super::{End, Packet, Transport};

/// What is done to the packets that a condition picks.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What it is called in counts and captures.
    pub name: String,
    /// Which packets.
    pub when: Condition,
    /// What happens to them.
    pub action: Action,
}

impl Rule {
    /// A rule from its parts.
    pub fn new(name: impl Into<String>, when: Condition, action: Action) -> Self {
        Self {
            name: name.into(),
            when,
            action,
        }
    }
}

/// What can happen to a packet.
///
/// Rules act in their order, each on what the ones before it left: a packet delayed by one can be
/// dropped by the next.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// No further rule sees it.
    Pass,
    /// It vanishes without a word.
    Drop,
    /// It arrives later by `by` plus a random part of `jitter`, but never before an earlier packet
    /// of the same direction.
    Delay {
        /// The delay that every packet has.
        by: Duration,
        /// The most that is added at random, evenly spread.
        jitter: Duration,
    },
    /// It arrives later by this much, and later packets overtake it.
    Reorder {
        /// How long it is held back.
        by: Duration,
    },
    /// It arrives once more; each copy meets the remaining rules by itself.
    Duplicate {
        /// How many copies beside the original.
        copies: u32,
        /// Time between one and the next.
        apart: Duration,
    },
    /// One random bit of what the IP packet carries is flipped, so that the transport's checksum no
    /// longer holds.
    Corrupt,
    /// It vanishes, and its sender gets an answer.
    Reject(Reject),
    /// A token bucket for each direction with a queue before it; what finds no place in the queue
    /// is lost.
    Limit {
        /// Bits of whole frames per second; 0 lets nothing pass.
        bits_per_s: u64,
        /// Bytes that may pass at once after a pause.
        burst_bytes: u64,
        /// Bytes that may wait.
        queue_bytes: u64,
    },
    /// Keeps the state that a NAT or a firewall has of each flow, which a SYN or a datagram
    /// creates. TCP segments of a flow without state are lost. It translates nothing.
    Track {
        /// How long a flow may be silent before it is forgotten; `None`: for ever.
        idle: Option<Duration>,
        /// What the sender of a segment without state sees.
        lost: Lost,
    },
}

/// How a packet is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// A RST in the name of the receiver, as RFC 9293 3.10.7.1 words it. Packets other than TCP get
    /// port unreachable.
    Reset,
    /// Host unreachable (ICMP 3/1, ICMPv6 1/3).
    Host,
    /// Network unreachable, no route (3/0, 1/0).
    Network,
    /// Administratively prohibited (3/13, 1/1).
    Prohibited,
    /// Port unreachable (3/3, 1/4).
    Port,
}

/// What the sender of a packet sees whose flow is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// Nothing.
    Silent,
    /// A RST.
    Reset,
}

/// What a packet carries, for conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6, without neighbour discovery.
    Icmp,
    /// ARP requests and neighbour solicitations for the router's address. Only a rule that names
    /// them sees them: a path that loses every packet still has a first router that answers.
    Neighbour,
}

/// Which packets a rule picks: those for which everything that is set holds.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Condition {
    /// Comes from this end.
    pub from: Option<End>,
    /// Goes to this end.
    pub to: Option<End>,
    /// Carries this.
    pub protocol: Option<Protocol>,
    /// Has this port at either side.
    pub port: Option<u16>,
    /// Carries bytes of the application, or none.
    pub payload: Option<bool>,
    /// Is a TCP segment with or without SYN.
    pub syn: Option<bool>,
    /// The probability, 0 to 1, that one of them is picked; `None`: all.
    pub chance: Option<f64>,
    /// Picks no more after so many; `None`: no end.
    pub at_most: Option<u64>,
}

impl Condition {
    /// Every packet but neighbour requests.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Every TCP segment.
    #[must_use]
    pub fn tcp() -> Self {
        Self::any().protocol(Protocol::Tcp)
    }

    /// Narrows it to what comes from one end.
    #[must_use]
    pub fn from(mut self, end: End) -> Self {
        self.from = Some(end);
        self
    }

    /// Narrows it to what goes to one end.
    #[must_use]
    pub fn to(mut self, end: End) -> Self {
        self.to = Some(end);
        self
    }

    /// Narrows it to one protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Narrows it to a port at either side.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Narrows it to packets with or without bytes of the application.
    #[must_use]
    pub fn payload(mut self, carries: bool) -> Self {
        self.payload = Some(carries);
        self
    }

    /// Narrows it to TCP segments with or without SYN.
    #[must_use]
    pub fn syn(mut self, set: bool) -> Self {
        self.syn = Some(set);
        self
    }

    /// Picks each packet with this probability only.
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.chance = Some(probability);
        self
    }

    /// Picks only the first so many.
    #[must_use]
    pub fn at_most(mut self, packets: u64) -> Self {
        self.at_most = Some(packets);
        self
    }

    /// Whether everything about the packet itself holds; chance and count aside.
    pub(super) fn holds(&self, packet: &Packet<'_>, from: End, to: End) -> bool {
        self.holds_between(from, Some(to))
            && asked(self.protocol, |wanted| carries(packet, wanted))
            && asked(self.port, |wanted| {
                packet
                    .ports()
                    .is_some_and(|(source, destination)| source == wanted || destination == wanted)
            })
            && asked(self.payload, |wanted| has_payload(packet) == wanted)
            && asked(self.syn, |wanted| {
                packet
                    .segment()
                    .is_some_and(|segment| segment.syn == wanted)
            })
    }

    /// Whether it holds for a request for the router's own address, which is for no other end.
    pub(super) fn holds_for_neighbour(&self, from: End) -> bool {
        self.protocol == Some(Protocol::Neighbour) && self.holds_between(from, None)
    }

    fn holds_between(&self, from: End, to: Option<End>) -> bool {
        asked(self.from, |wanted| wanted == from) && asked(self.to, |wanted| Some(wanted) == to)
    }
}

/// What is not asked holds.
fn asked<T>(wanted: Option<T>, holds: impl FnOnce(T) -> bool) -> bool {
    wanted.is_none_or(holds)
}

fn carries(packet: &Packet<'_>, wanted: Protocol) -> bool {
    match packet.transport {
        Transport::Tcp(_) => wanted == Protocol::Tcp,
        Transport::Udp { .. } => wanted == Protocol::Udp,
        Transport::Icmp { .. } => wanted == Protocol::Icmp,
        Transport::Other => false,
    }
}

fn has_payload(packet: &Packet<'_>) -> bool {
    match packet.transport {
        Transport::Tcp(segment) => segment.payload > 0,
        Transport::Udp { payload, .. } => payload > 0,
        Transport::Icmp { .. } | Transport::Other => false,
    }
}
