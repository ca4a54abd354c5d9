//! A side that hears nothing: it asks again although it was answered.
//!
//! Answers can be lost behind the place where they were captured. A side that heard one echoes its
//! timestamp from then on (RFC 7323, section 4.3), so a question with an older echo comes from
//! somebody who did not. Without timestamps only data shows it: it is sent again although it was
//! acknowledged.

use std::time::Duration;

use super::episode::Asked;
use super::half::Half;
use super::kind::Kind;
use super::sequence::before;
use crate::Moment;
use crate::dissect::{Flags, Segment};

/// An answer that came this long before the question is asked again has arrived, if it arrives.
const UNDER_WAY: Duration = Duration::from_millis(150);

/// What was on its way when the first answer was lost is acknowledged sooner.
const LATE: Duration = Duration::from_secs(1);

/// Who did not hear so many answers in a row hears nothing.
const ENOUGH: u32 = 2;

/// What a side did not hear, if there is something.
#[derive(Debug, Default)]
pub(crate) struct Hearing(Option<Box<Unheard>>);

/// Answers that a side did not hear.
#[derive(Debug)]
pub(crate) struct Unheard {
    /// What it asks.
    pub(crate) question: Question,
    /// How often it asked again.
    pub(crate) times: u32,
    /// The first answer it did not hear.
    pub(crate) first: Moment,
    /// When it asked again for the last time, and how long after the time before.
    pub(crate) last: Moment,
    pub(crate) last_wait: Duration,
    /// The echo that would show that it heard.
    value: Option<u32>,
}

/// What is asked again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Probe(Asked),
    Syn,
    Data,
    Fin,
}

impl Hearing {
    /// What the side has not heard yet, if it hears nothing: one answer may be lost.
    pub(crate) fn unheard(&self) -> Option<&Unheard> {
        self.0.as_deref().filter(|unheard| unheard.times >= ENOUGH)
    }

    /// Takes a segment of the side, `me`; the other one is `peer`. `true` if it shows that the last
    /// answer was not heard.
    pub(super) fn take(
        me: &mut Half,
        peer: &Half,
        segment: &Segment,
        kind: Kind,
        now: Moment,
    ) -> bool {
        let echo = segment.timestamps.map(|(_, echo)| echo);
        let more = segment.flags.any(Flags::ACK)
            && me.last_ack.is_some_and(|acked| before(acked, segment.ack));
        me.hearing.heard_at_last(kind, echo, more.then_some(now));
        let Some(question) = question(segment, kind) else {
            return false;
        };
        let Some(answered) = peer.last.filter(|at| now.since(*at) >= UNDER_WAY) else {
            return false;
        };
        let stale = match (peer.last_value, echo) {
            (Some(value), Some(echo)) => before(echo, value),
            // Without timestamps nothing tells a probe that follows an answer from one that follows
            // none.
            _ => !matches!(question, Question::Probe(_)),
        };
        // What was not answered since the last time tells of the other side, not of this one.
        let answered_since = |unheard: &Unheard| answered > unheard.last;
        let missed = stale
            && me.was_answered(question, segment, answered)
            && me.hearing.0.as_deref().is_none_or(answered_since);
        if missed {
            let asked_before = me.sent.max(me.asking.last());
            let unheard = me.hearing.0.get_or_insert_with(|| {
                Box::new(Unheard {
                    question,
                    times: 0,
                    first: answered,
                    last: asked_before.unwrap_or(answered),
                    last_wait: Duration::ZERO,
                    value: peer.last_value,
                })
            });
            unheard.again(question, now);
        }
        missed
    }

    /// Forgets what was not heard if this echo shows that it was after all; without timestamps, if
    /// the side goes on, or acknowledges more than before (when it does, in `more`).
    fn heard_at_last(&mut self, kind: Kind, echo: Option<u32>, more: Option<Moment>) {
        self.0.take_if(|unheard| match (unheard.value, echo) {
            (Some(value), Some(echo)) => !before(echo, value),
            _ => {
                let hears = more.is_some_and(|now| now.since(unheard.first) >= LATE);
                hears || matches!(kind, Kind::Data | Kind::Fin)
            }
        });
    }
}

impl Unheard {
    /// Whether timestamps show it.
    pub(crate) fn by_echo(&self) -> bool {
        self.value.is_some()
    }

    fn again(&mut self, question: Question, now: Moment) {
        self.question = question;
        self.times = self.times.saturating_add(1);
        self.last_wait = now.since(self.last);
        self.last = now;
    }
}

impl Half {
    /// Whether the other side, heard last at `answered`, had answered this question before it was
    /// asked again.
    fn was_answered(&self, question: Question, segment: &Segment, answered: Moment) -> bool {
        match question {
            Question::Probe(_) => self.asking.last().is_some_and(|asked| asked <= answered),
            Question::Syn | Question::Data | Question::Fin => self
                .acked
                .is_some_and(|acked| !before(acked, segment.end())),
        }
    }
}

/// What a segment asks, if it is one that wants an answer and was there before.
fn question(segment: &Segment, kind: Kind) -> Option<Question> {
    match kind {
        Kind::Probe => Some(Question::Probe(Asked::Presence)),
        Kind::WindowProbe => Some(Question::Probe(Asked::Window)),
        Kind::Retransmission if segment.flags.any(Flags::SYN) => Some(Question::Syn),
        Kind::Retransmission if segment.length == 0 => Some(Question::Fin),
        Kind::Retransmission => Some(Question::Data),
        Kind::Syn
        | Kind::SynAck
        | Kind::Data
        | Kind::Ack
        | Kind::DuplicateAck
        | Kind::WindowUpdate
        | Kind::WindowClosed
        | Kind::Fin
        | Kind::Reset
        | Kind::ProbeAnswer
        | Kind::WindowProbeAnswer
        | Kind::Reordered
        | Kind::SeenTwice => None,
    }
}
