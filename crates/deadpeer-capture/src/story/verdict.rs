//! What a story comes to.

use std::time::Duration;

use deadpeer_core::{Cause, Silence};

use super::evidence::{Evidence, Untold};
use super::notes::Note;
use crate::talk::{Conversation, Reset, Side};
use crate::{Endpoint, Moment};

/// Who was gone, since when, what noticed it, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoryVerdict {
    /// How it ended, or stood when the capture did.
    pub ending: Ending,
    /// Who was gone.
    pub gone: Gone,
    /// The last that was heard of who was gone; `None`: it was never heard.
    pub last_heard: Option<Moment>,
    /// The first thing it did not answer.
    pub unanswered_since: Option<Moment>,
    /// How often it was asked in vain: probes, or the same data again.
    pub unanswered: u32,
    /// What the other side was doing meanwhile.
    pub silence: Option<Silence>,
    /// What noticed it.
    pub noticed: Noticed,
    /// When that was: not before the first and not after the second moment.
    pub noticed_at: Option<(Moment, Moment)>,
    /// What the application of the side that was left, or that was reset, got to know.
    pub cause: Option<Cause>,
    /// The RST, if there was one.
    pub reset: Option<Reset>,
    /// Why the capture does not tell who was gone, where [`Gone::Unknown`] is the answer.
    pub untold: Option<Untold>,
    /// What the answer rests on.
    pub evidence: Vec<Evidence>,
    /// Whether the connection is one SYN of the client of which nobody knows what became: many of
    /// them are a scan.
    pub lone_syn: bool,
    /// What else is worth telling where nobody was gone.
    pub notes: Vec<Note>,
    /// The connections that are this one as the capture has it before or after its addresses were
    /// translated.
    pub translated: Option<Box<Translated>>,
}

/// A connection that the capture has more than once: a NAT or a load balancer was captured on both
/// sides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Translated {
    /// The numbers of the others, with their ends (client and server).
    pub others: Vec<(u64, [Endpoint; 2])>,
    /// The number of the one whose story is told; `None`: this one's.
    pub told_as: Option<u64>,
    /// Whether the server answered under an address that the client had not asked: the answer was
    /// not translated back.
    pub stray_answer: bool,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// It was open when the capture ended.
    Open,
    /// Both sides closed.
    Closed,
    /// This side closed, the other had not when the capture ended.
    HalfClosed(Side),
    /// A RST answered the SYN.
    Refused,
    /// This side ended it at once with a RST: its application aborted or closed with data unread,
    /// or an administrator destroyed it.
    Aborted(Side),
    /// Somebody between the two sides probably sent the RST that claims to come from this side.
    ForgedReset(Side),
    /// This side's host answered with a RST that it knows no such connection: it restarted, or
    /// closed it before.
    Forgotten(Side),
    /// This side had closed, and its host answered with a RST what the other still sent: nobody
    /// reads there any more.
    NoReader(Side),
    /// This side's kernel gave up.
    GaveUp(Side),
    /// This side was still asking in vain when the capture ended.
    StillTrying(Side),
    /// A new connection between the same addresses and ports took its place.
    Replaced,
}

/// Who was gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gone {
    /// Nobody, as far as the capture shows.
    Nobody,
    /// This side, or the way to it.
    Side(Side),
    /// This side could still be heard and heard nothing itself: packets to it were lost.
    NotReceiving(Side),
    /// Neither: both sides spoke and neither heard the other; or a side was heard elsewhere and not
    /// here any more.
    Path,
    /// The connection, and perhaps neither side: one of them or something between them knew it no
    /// more, or may have forgotten it in a long silence.
    Connection,
    /// The capture does not tell.
    Unknown,
}

impl Gone {
    /// Whether somebody was gone, as the evidence has it.
    #[must_use]
    pub fn is_death(self) -> bool {
        !matches!(self, Self::Nobody | Self::Unknown)
    }
}

/// What noticed that somebody was gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Noticed {
    /// There was nothing to notice.
    Nothing,
    /// Keepalive gave up.
    Keepalive,
    /// Retransmission gave up: `TCP_USER_TIMEOUT` or `tcp_retries2`.
    Retransmission,
    /// The probes of a closed window gave up.
    WindowProbes,
    /// connect() gave up.
    Handshake,
    /// The other host said so with a RST, when it was asked.
    OtherHost,
    /// A router said so with an ICMP error, and the asking ended at once: connect(), or
    /// `IP_RECVERR`.
    Router,
    /// The application closed or aborted, before the kernel gave up.
    Application,
    /// Nobody, while the capture ran.
    Nobody,
}

impl StoryVerdict {
    /// From the last that was heard to the moment it was noticed, at most; to `end` if nobody
    /// noticed.
    ///
    /// `None` where nobody was gone. Where nothing was ever heard, from the first question.
    #[must_use]
    pub fn took(&self, end: Moment) -> Option<Duration> {
        if !self.gone.is_death() {
            return None;
        }
        let since = self.last_heard.or(self.unanswered_since)?;
        let until = self.noticed_at.map_or(end, |(_, latest)| latest);
        Some(until.since(since))
    }

    /// Whether what looks like a side's probes may be answers.
    pub(super) fn may_only_answer(&self, conversation: &Conversation, side: Side) -> bool {
        self.untold == Some(Untold::OneSided(side)) && conversation.may_only_answer(side)
    }

    /// Which side asked in vain, if it is known.
    #[must_use]
    pub fn left(&self) -> Option<Side> {
        match (self.gone, self.ending) {
            (Gone::Side(side), _) => Some(!side),
            (_, Ending::GaveUp(side) | Ending::StillTrying(side)) => Some(side),
            (_, Ending::Forgotten(side)) => Some(!side),
            // It had been asking in vain.
            (Gone::Connection | Gone::Path, Ending::Aborted(side)) => Some(side),
            _ => None,
        }
    }

    /// Whether it is told with another connection: the same before or after its addresses were
    /// translated.
    #[must_use]
    pub fn is_told_elsewhere(&self) -> bool {
        let translated = self.translated.as_deref();
        translated.is_some_and(|translated| translated.told_as.is_some())
    }

    /// How bad it is, for those who show the worst first: 0 is fine.
    #[must_use]
    pub fn severity(&self) -> u8 {
        match (self.ending, self.gone) {
            (Ending::Closed | Ending::Open, Gone::Nobody) if !self.notes.is_empty() => 1,
            // Nothing happened that needs an answer.
            (_, Gone::Unknown) if self.unanswered_since.is_none() => 0,
            (Ending::Aborted(_), Gone::Unknown) => 3,
            (_, Gone::Unknown) => 1,
            (Ending::Closed | Ending::Open, Gone::Nobody) => 0,
            (Ending::HalfClosed(_), Gone::Nobody) => 1,
            (Ending::Refused, _) => 2,
            (Ending::Replaced, _) => 3,
            (Ending::NoReader(_), _) => 2,
            (Ending::Aborted(_), Gone::Nobody) => 3,
            // It gave up although the other side was there.
            (Ending::GaveUp(_), Gone::Nobody) => 5,
            (Ending::ForgedReset(_), _) => 4,
            (Ending::Forgotten(_), _) => 5,
            (Ending::StillTrying(_), Gone::Nobody) => 1,
            (Ending::GaveUp(_) | Ending::StillTrying(_), _)
                if self.silence == Some(Silence::Connecting) =>
            {
                4
            }
            (_, _) => 6,
        }
    }
}
