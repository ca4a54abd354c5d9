//! What happens in a conversation, told in episodes rather than packets.

use super::side::Side;
use crate::dissect::IcmpKind;
use crate::{Moment, Span};

/// A stretch of a conversation during which one kind of thing happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Episode {
    /// When it began.
    pub at: Moment,
    /// When it ended.
    pub until: Moment,
    /// Whose doing it was.
    pub side: Side,
    /// What happened.
    pub what: What,
    marks: Option<Box<Marks>>,
    pub(crate) id: EpisodeId,
}

/// The first packets of an episode; most episodes have none, and each of them takes memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Marks {
    list: Vec<Mark>,
}

/// So many packets of an episode are remembered one by one.
pub const MOST_MARKS: usize = 16;

/// So many episodes are remembered of every conversation.
pub(super) const FEWEST_EPISODES: usize = 8;

/// One packet of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When it was sent.
    pub at: Moment,
    /// When it was answered, if it was.
    pub answered: Option<Moment>,
}

/// What a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Asked {
    /// Are you there? A keepalive probe.
    #[default]
    Presence,
    /// Is your window still closed?
    Window,
}

/// What is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Resent {
    /// The opening.
    Syn,
    /// Data.
    #[default]
    Data,
    /// The end.
    Fin,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// Data went back and forth.
    Exchange {
        /// Segments of both sides.
        packets: u64,
        /// Bytes of payload that the client and the server sent.
        bytes: [u64; 2],
        /// Segments sent again and acknowledged soon.
        resent: u32,
    },
    /// The side asked and was answered, each time.
    Answered {
        /// What it asked.
        asked: Asked,
        /// How often.
        count: u32,
        /// The fastest answer.
        fastest: Span,
        /// The slowest answer.
        slowest: Span,
    },
    /// The side asked and was not answered.
    Unanswered {
        /// What it asked.
        asked: Asked,
        /// How often.
        count: u32,
    },
    /// The side sent the same again and again.
    Resending {
        /// What it sent again.
        what: Resent,
        /// How often, the first time not counted.
        count: u32,
        /// From the first time to the second.
        first_wait: Span,
        /// Before the last.
        last_wait: Span,
        /// Whether it was acknowledged in the end.
        acknowledged: bool,
    },
    /// The side sent segments without data that look like probes and that nobody has to answer.
    MuteProbes {
        /// How often.
        count: u32,
    },
    /// The side answered a SYN with an acknowledgment of an older connection between the same
    /// ports, as RFC 9293 (section 3.10.7.4) and RFC 5961 (section 4) have it: it still knew that
    /// one.
    OlderConnection {
        /// How often.
        count: u32,
    },
    /// The side answered the SYN with another sequence number after the first answer had been
    /// taken: the SYN and its repetition reached two hosts or processes.
    AnotherAnswer {
        /// How often.
        count: u32,
    },
    /// The side's receive window was closed: its application did not read.
    WindowShut,
    /// An ICMP error came back for what the side had sent.
    IcmpError {
        /// What it says.
        kind: IcmpKind,
        /// Whether a kernel takes it: probes lie before the window, and errors about them are
        /// passed over (RFC 5927, section 4).
        taken: bool,
        /// How often.
        count: u32,
    },
    /// Episodes that were forgotten to save memory.
    LeftOut {
        /// How many.
        episodes: u32,
    },
}

/// The number of an episode within its conversation; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EpisodeId(u32);

/// The episodes of a conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Episodes {
    list: Vec<Episode>,
    pushed: u32,
    /// Whether the packets of an episode are remembered one by one.
    pub(crate) marked: bool,
}

impl Episodes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Episode> {
        self.list.iter()
    }

    pub(crate) fn into_list(self) -> Vec<Episode> {
        self.list
    }

    pub(crate) fn touch(&self) -> u64 {
        let last = self.list.last();
        last.map_or(0, |last| last.until.nanos() ^ u64::from(last.id.0))
    }

    /// The latest episode.
    pub(crate) fn last_mut(&mut self) -> Option<&mut Episode> {
        self.list.last_mut()
    }

    /// An episode that was not forgotten yet.
    pub(crate) fn by_id(&mut self, id: EpisodeId) -> Option<&mut Episode> {
        if id == EpisodeId::default() {
            // What was left out has no number either.
            return None;
        }
        self.list.iter_mut().rev().find(|episode| episode.id == id)
    }

    /// The episode with this number, if all that came after it is of the same sort: then it can go
    /// on.
    pub(crate) fn still(
        &mut self,
        id: EpisodeId,
        same: impl Fn(&What) -> bool,
    ) -> Option<&mut Episode> {
        if id == EpisodeId::default() {
            return None;
        }
        let place = self.list.iter().rposition(|episode| episode.id == id)?;
        let (episode, after) = self.list[place..].split_first_mut()?;
        after
            .iter()
            .all(|later| same(&later.what))
            .then_some(episode)
    }

    /// Adds an episode, at most `most` of them: the first and the latest are kept.
    pub(crate) fn push(
        &mut self,
        most: usize,
        (at, until): (Moment, Moment),
        side: Side,
        what: What,
    ) -> &mut Episode {
        if self.list.len() >= most.max(FEWEST_EPISODES) {
            self.forget_the_middle();
        }
        if self.list.len() == self.list.capacity() {
            // Most conversations have two or three, where a list left to itself begins with four.
            self.list.reserve_exact(self.list.len().max(2));
        }
        self.pushed = self.pushed.wrapping_add(1).max(1);
        let place = self.list.len();
        self.list.push(Episode {
            at,
            until,
            side,
            what,
            marks: self.marked.then(Box::default),
            id: EpisodeId(self.pushed),
        });
        &mut self.list[place]
    }

    fn forget_the_middle(&mut self) {
        let quarter = self.list.len() / 4;
        let middle = quarter..self.list.len() - quarter;
        let count = |episode: &Episode| match episode.what {
            What::LeftOut { episodes } => episodes,
            What::Exchange { .. }
            | What::Answered { .. }
            | What::Unanswered { .. }
            | What::Resending { .. }
            | What::MuteProbes { .. }
            | What::OlderConnection { .. }
            | What::AnotherAnswer { .. }
            | What::WindowShut
            | What::IcmpError { .. } => 1,
        };
        let forgotten = &self.list[middle.clone()];
        let episodes = forgotten.iter().map(count).fold(0, u32::saturating_add);
        let until = forgotten.iter().map(|episode| episode.until).max();
        let first = &mut self.list[quarter];
        first.what = What::LeftOut { episodes };
        first.until = until.unwrap_or(first.until);
        first.marks = None;
        first.id = EpisodeId::default();
        self.list.drain(quarter + 1..middle.end);
    }
}

impl Episode {
    /// The first packets of it, at most [`MOST_MARKS`], for those who draw
    /// ([`Limits::marks`](super::Limits::marks)).
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        self.marks.as_ref().map_or(&[], |marks| &marks.list)
    }

    pub(crate) fn mark(&mut self, at: Moment, answered: Option<Moment>) {
        if let Some(marks) = &mut self.marks
            && marks.list.len() < MOST_MARKS
        {
            marks.list.push(Mark { at, answered });
        }
    }

    /// Notes that the packet marked last was answered.
    pub(crate) fn answer_mark(&mut self, at: Moment) {
        let marks = self.marks.as_mut();
        if let Some(mark) = marks.and_then(|marks| marks.list.last_mut()) {
            mark.answered = Some(at);
        }
    }

    pub(crate) fn reference(&self) -> EpisodeId {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_latest_are_kept() {
        let mut episodes = Episodes::default();
        for n in 1..=1000 {
            let at = Moment::from_nanos(n);
            episodes.push(16, (at, at), Side::Client, What::WindowShut);
        }
        let list: Vec<_> = episodes.iter().collect();
        assert!(list.len() <= 16);
        assert_eq!(list[0].at.nanos(), 1);
        assert_eq!(list[list.len() - 1].at.nanos(), 1000);
        let forgotten = list.iter().find_map(|episode| {
            let What::LeftOut { episodes } = episode.what else {
                return None;
            };
            Some(episodes)
        });
        assert_eq!(forgotten.map(|n| n as usize + list.len() - 1), Some(1000));
        assert!(list.is_sorted_by_key(|episode| episode.at));
    }
}
