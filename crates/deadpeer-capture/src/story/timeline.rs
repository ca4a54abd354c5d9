//! The events of a story, in order.

use std::time::Duration;

use super::verdict::{Ending, Noticed, StoryVerdict};
use crate::Moment;
use crate::talk::{Conversation, Mark, Reset, Side, What};

/// Nothing said for so long is worth a line.
const SILENCE: Duration = Duration::from_secs(1);

/// So many events most stories have at most. Of a million stories none need then grow its list: the
/// allocator would tidy up all it ever freed for each list of more than a kilobyte.
const USUAL: usize = 12;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When it began.
    pub at: Moment,
    /// When it ended.
    pub until: Moment,
    /// Whose doing it was; `None`: nobody's, or both sides'.
    pub side: Option<Side>,
    /// What happened.
    pub what: Happening,
    /// The first packets of it one by one, for those who draw.
    pub marks: Vec<Mark>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happening {
    /// The capture begins in the middle of the connection.
    CaptureBegins,
    /// The side asked to open.
    Opening,
    /// Both sides agreed to open, so long after the first SYN.
    Established(Duration),
    /// Nobody said anything.
    Silence,
    /// An episode of the conversation.
    Episode(What),
    /// The side asked so many times more as if it had not been answered: the answers did not
    /// arrive.
    Unheard(u32),
    /// The side acknowledged the same so many times: it asked, or answered what the capture lacks.
    Repeated(u32),
    /// The side closed: no more data from it.
    Fin,
    /// Both sides' FINs are acknowledged.
    Closed,
    /// A RST.
    Reset(Box<Reset>),
    /// The side gave up without a packet saying so, between the event's begin and its end.
    GaveUp,
    /// A new connection took its place.
    Replaced,
    /// The capture ends, the connection doesn't.
    CaptureEnds,
}

/// The events of a conversation in a capture that ends at `end`.
pub(super) fn of(conversation: &Conversation, verdict: &StoryVerdict, end: Moment) -> Vec<Event> {
    let mut events = milestones(conversation);
    events.extend(conversation.told().into_iter().map(|episode| Event {
        at: episode.at,
        until: episode.until,
        side: Some(episode.side),
        marks: episode.marks().to_vec(),
        what: if let What::Unanswered { count, .. } = episode.what
            && verdict.may_only_answer(conversation, episode.side)
        {
            Happening::Repeated(count)
        } else {
            Happening::Episode(episode.what)
        },
    }));
    for side in Side::BOTH {
        let unheard = conversation.half(side).hearing.unheard();
        events.extend(unheard.map(|unheard| {
            let what = Happening::Unheard(unheard.times);
            event(what, Some(side), unheard.first, unheard.last)
        }));
    }
    if let (Ending::GaveUp(side), Some((earliest, latest))) = (verdict.ending, verdict.noticed_at)
        && !matches!(verdict.noticed, Noticed::Application)
        && earliest < latest
    {
        events.push(event(Happening::GaveUp, Some(side), earliest, latest));
    }
    events.sort_by_key(|event| (event.at, event.until));
    let over = conversation.is_over()
        || conversation.replaced_at.is_some()
        || matches!(verdict.ending, Ending::GaveUp(_));
    if !over {
        events.push(event(Happening::CaptureEnds, None, end, end));
    }
    with_silences(events)
}

/// What the conversation knows without episodes.
fn milestones(conversation: &Conversation) -> Vec<Event> {
    let mut events = Vec::with_capacity(USUAL);
    let mut add = |what, side, at: Option<Moment>| {
        events.extend(at.map(|at| event(what, side, at, at)));
    };
    if !conversation.opening_seen {
        add(Happening::CaptureBegins, None, Some(conversation.first));
    }
    let client_syn = conversation.half(Side::Client).syn_at;
    match conversation.established {
        Some((at, took)) => add(Happening::Established(took.into()), None, Some(at)),
        None => add(Happening::Opening, Some(Side::Client), client_syn),
    }
    for side in Side::BOTH {
        add(Happening::Fin, Some(side), conversation.half(side).fin_at);
    }
    add(Happening::Closed, None, conversation.closed_at);
    if let Some(reset) = conversation.reset.as_deref() {
        let what = Happening::Reset(Box::new(*reset));
        add(what, Some(reset.side), Some(reset.at));
    }
    add(Happening::Replaced, None, conversation.replaced_at);
    events
}

/// Puts what nobody said between what was said.
fn with_silences(events: Vec<Event>) -> Vec<Event> {
    let mut whole = Vec::with_capacity(USUAL.max(events.len() + 1));
    let mut heard: Option<Moment> = None;
    for next in events {
        if let Some(heard) = heard
            && next.at.since(heard) >= SILENCE
        {
            whole.push(event(Happening::Silence, None, heard, next.at));
        }
        let silent = matches!(next.what, Happening::GaveUp);
        heard = heard.max(Some(if silent { next.at } else { next.until }));
        whole.push(next);
    }
    whole
}

fn event(what: Happening, side: Option<Side>, at: Moment, until: Moment) -> Event {
    Event {
        at,
        until,
        side,
        what,
        marks: Vec::new(),
    }
}
