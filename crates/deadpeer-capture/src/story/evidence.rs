//! What speaks for somebody's being gone, and what against it.
//!
//! That a packet is not in a capture proves nothing by itself: captures are cut, filtered, taken on
//! one way of two. What convicts is something that *is* there: a timer that runs out again and
//! again, a RST, a router's word.

use std::time::Duration;

use super::limits::Forgets;
use crate::Moment;
use crate::dissect::IcmpKind;
use crate::talk::{Asked, Resent, Side};

/// A piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// A side sent the same again at least three times, with waits that never shrank: a
    /// retransmission timer ran out again and again (RFC 6298, section 5.5), so it heard nothing,
    /// wherever the capture was taken.
    Backoff {
        /// Who sent again.
        side: Side,
        /// What it sent again.
        what: Resent,
        /// How often.
        times: u32,
        /// The first and the last wait.
        waits: (Duration, Duration),
    },
    /// A side probed, and the capture, which shows what comes to it, has no answer.
    Unanswered {
        /// Who probed.
        side: Side,
        /// What it asked.
        asked: Asked,
        /// How often.
        times: u32,
    },
    /// A side echoed the same timestamp in all its probes (RFC 7323, section 4.3): it heard nothing
    /// between them.
    SameEcho {
        /// Who probed.
        side: Side,
        /// How often.
        times: u32,
    },
    /// A side asked again although the capture has the answers: they did not arrive.
    AskedAgain {
        /// Who asked again.
        side: Side,
        /// How often.
        times: u32,
    },
    /// A RST on the next beat of a timer: the kernel gave up, not the application.
    OnTheBeat(Side),
    /// A RST that answers a question and knows no such connection (RFC 9293, section 3.5.2).
    Disowned(Side),
    /// A router said so with an ICMP error.
    Router(Side, IcmpKind),
    /// The other side was not heard at all: whatever happened, it was before the capture began.
    BeganAfter(Side),
    /// So long a silence lay before the RST or the first unanswered question that something between
    /// the two may have forgotten the connection.
    Idle {
        /// How long it was.
        silence: Duration,
        /// What something would have done that forgot it: end it by itself, reset what came after,
        /// or drop that.
        forgets: Forgets,
    },
    /// So long a silence lay before, but a connection between the same hosts survived one as long:
    /// no idle timeout between them is that short.
    Outlived {
        /// How long it was.
        silence: Duration,
        /// The one that was survived.
        survived: Duration,
        /// The number of the connection; `None`: this one, before.
        number: Option<u64>,
    },
    /// Such a silence lay before, and the longest that any connection between the same hosts
    /// survived was shorter.
    NotOutlived {
        /// That silence.
        survived: Duration,
        /// The number of the connection; `None`: this one, before.
        number: Option<u64>,
    },
    /// A connection of another client with the same server survived as long: what is near the
    /// server forgets none so soon.
    OutlivedElsewhere {
        /// The silence that was survived.
        survived: Duration,
        /// The number of the connection.
        number: u64,
    },
    /// So many SYNs of a new connection to this side's port got no answer either, at the same time:
    /// what something had forgotten is no reason for that.
    VainOpening {
        /// Who did not answer.
        side: Side,
        /// How many.
        syns: u32,
        /// The number of the connection.
        number: u64,
    },
    /// The side had closed, and ended it with a RST after having waited so long for the other's
    /// FIN, as some systems do (RFC 9293, section 3.3.2, FIN-WAIT-2).
    FinWait(Side, Duration),
    /// The RST came from nearer or farther than its side's other packets: hops of these, and of the
    /// RST.
    OtherDistance(Side, (u8, u8)),
    /// The RST answered sooner than its side ever did: after the first time, when the second is its
    /// fastest.
    TooQuick(Side, (Duration, Duration)),
    /// The RST's IP identification is none of those with which its side's packets count up: the
    /// last of these, and it.
    StrangeId(Side, (u16, u16)),
    /// So long before the RST there was one in this side's name, after which this side went on:
    /// that had ended the connection at the other.
    ForgedBefore(Side, Duration),
    /// The side had spoken itself less than a second before its RST: no host restarts in that time.
    SpokeJustBefore(Side, Duration),
    /// The host of who did not answer was heard in another conversation, at this moment for the
    /// last time.
    HeardElsewhere(Side, Moment),
    /// The other side acknowledged so many bytes of this one that the capture lacks.
    Holes(Side, u64),
    /// The capture has data and not one bare acknowledgment: a filter took them out.
    NoBareAcknowledgments,
    /// The capture lacks packets all over.
    Lossy,
    /// Only what this side sent was captured.
    OneSided(Side),
    /// What was sent again was the same packet each time, its IP identification included, and the
    /// waits never doubled: a recording that was played again.
    Replayed {
        /// Who sent it.
        side: Side,
        /// How often, the first time not counted.
        times: u32,
    },
    /// The capture ends before the next attempt was due.
    EndsTooSoon,
    /// The connection's packets end here, by the number of the last one, and the capture goes on.
    CutAfter(u64),
}

/// What a piece of evidence does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weight {
    /// It shows that somebody was gone.
    Convicts,
    /// It shows that nobody need be.
    Acquits,
    /// It says who it was or why.
    Explains,
}

impl Evidence {
    /// What it does.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Self::Backoff { .. }
            | Self::Unanswered { .. }
            | Self::SameEcho { .. }
            | Self::AskedAgain { .. }
            | Self::OnTheBeat(_)
            | Self::Disowned(_)
            | Self::Router(..) => Weight::Convicts,
            Self::BeganAfter(_)
            | Self::Idle { .. }
            | Self::Outlived { .. }
            | Self::NotOutlived { .. }
            | Self::OutlivedElsewhere { .. }
            | Self::VainOpening { .. }
            | Self::FinWait(..)
            | Self::OtherDistance(..)
            | Self::TooQuick(..)
            | Self::StrangeId(..)
            | Self::ForgedBefore(..) => Weight::Explains,
            Self::SpokeJustBefore(..)
            | Self::HeardElsewhere(..)
            | Self::Holes(..)
            | Self::NoBareAcknowledgments
            | Self::Lossy
            | Self::OneSided(_)
            | Self::Replayed { .. }
            | Self::EndsTooSoon
            | Self::CutAfter(_) => Weight::Acquits,
        }
    }
}

impl Evidence {
    /// Why the capture does not tell, where it lacks packets.
    pub(crate) fn as_untold(&self) -> Option<Untold> {
        match self {
            Self::OneSided(side) => Some(Untold::OneSided(*side)),
            Self::NoBareAcknowledgments => Some(Untold::Filtered),
            Self::Holes(_, bytes) => Some(Untold::Holes(*bytes)),
            Self::Lossy => Some(Untold::Lossy),
            Self::Replayed { times, .. } => Some(Untold::Replayed(*times)),
            Self::Backoff { .. }
            | Self::Unanswered { .. }
            | Self::SameEcho { .. }
            | Self::AskedAgain { .. }
            | Self::OnTheBeat(_)
            | Self::Disowned(_)
            | Self::Router(..)
            | Self::BeganAfter(_)
            | Self::Idle { .. }
            | Self::Outlived { .. }
            | Self::NotOutlived { .. }
            | Self::OutlivedElsewhere { .. }
            | Self::VainOpening { .. }
            | Self::FinWait(..)
            | Self::OtherDistance(..)
            | Self::TooQuick(..)
            | Self::StrangeId(..)
            | Self::ForgedBefore(..)
            | Self::SpokeJustBefore(..)
            | Self::HeardElsewhere(..)
            | Self::EndsTooSoon
            | Self::CutAfter(_) => None,
        }
    }
}

/// Why a capture does not tell whether somebody was gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Untold {
    /// Only what this side sent was captured.
    OneSided(Side),
    /// The capture has no bare acknowledgments: a filter took them out.
    Filtered,
    /// The capture lacks so many bytes that were acknowledged.
    Holes(u64),
    /// The capture lacks packets all over.
    Lossy,
    /// The connection's packets end after the one with this number.
    Cut(u64),
    /// The capture ends before the next attempt was due.
    EndsTooSoon,
    /// The same packet comes so often again: a recording that was played again.
    Replayed(u32),
    /// What was asked in vain was asked too seldom to prove anything.
    TooFew(u32),
    /// The host of this side was heard elsewhere.
    HostHeard(Side),
    /// One SYN, never sent again: a scan, or somebody without patience.
    LoneSyn,
    /// The client asked to open and said no more, though it was answered: a scan, a forged address,
    /// or its packets took another way.
    NotCompleted,
}
