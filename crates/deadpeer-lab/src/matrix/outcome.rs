//! What came out for one fault, state and method, and whether it was right.

use std::fmt;
use std::time::Duration;

use crate::method::{Kind, Signal};
use crate::scenario::Fate;
use crate::state::State;

/// One cell of the table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Cell {
    /// The state of the connection.
    pub state: State,
    /// The method.
    pub method: &'static str,
    /// Whether it was right.
    pub verdict: CellVerdict,
    /// What it noticed; `None`: nothing.
    pub noticed: Option<Outcome>,
    /// What the settings of the connection made expect, where that can be told.
    pub forecast: Option<Foretold>,
    /// Whether this very connection carried bytes, each way that was open, after the fault was
    /// over.
    pub carried: bool,
    /// Whether the peer's end went on answering in this state to the last, as measured: all that
    /// TCP shows is what a live peer shows.
    pub answered: bool,
    /// Answers without data that came from the peer after the fault.
    pub answers: Option<u32>,
}

/// When and by what a method noticed something.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Seconds after the fault; negative: before it, of a connection with a past
    /// ([`Scenario::life`](crate::scenario::Scenario::life)).
    pub after_s: f64,
    /// By what.
    pub signal: Signal,
}

/// What was foretold for a cell, and whether it came true.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Foretold {
    /// Not before, seconds after the fault; `None`: the connection is never given up.
    pub earliest_s: Option<f64>,
    /// Not after.
    pub latest_s: Option<f64>,
    /// What is added at both ends: 3 %, one RTO and 100 ms, seconds.
    pub tolerance_s: f64,
    /// Whether what was measured agrees.
    pub holds: bool,
}

/// In a few characters.
impl fmt::Display for Foretold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.earliest_s, self.latest_s) {
            (Some(earliest), Some(latest)) => write!(f, "{earliest:.1} to {latest:.1} s"),
            (None | Some(_), _) => f.write_str("never"),
        }
    }
}

named! {
    /// Whether a method was right.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum CellVerdict {
        /// Something had happened, and it was noticed in time.
        Noticed = "noticed",
        /// It was noticed, but after the deadline.
        Late = "late",
        /// It was not noticed while the experiment ran.
        Missed = "missed",
        /// It was not noticed, and could not be: the peer's end went on answering.
        Unnoticeable = "unnoticeable",
        /// The peer lived, and nothing was said.
        Quiet = "quiet",
        /// The peer lived, and was called dead.
        FalseAlarm = "false-alarm",
    }
}

impl CellVerdict {
    /// The verdict on what a method said, or did not say, about a peer of this fate.
    #[must_use]
    pub fn of(fate: Fate, noticed: Option<(Kind, Duration)>, deadline: Duration) -> Self {
        let in_time = |after: Duration| match after <= deadline {
            true => Self::Noticed,
            false => Self::Late,
        };
        match (fate, noticed) {
            (Fate::Gone, Some((_, after))) => in_time(after),
            (Fate::Gone | Fate::Finished, None) => Self::Missed,
            (Fate::Finished, Some((Kind::EndOfStream, after))) => in_time(after),
            (Fate::Frozen, Some((Kind::ApplicationSilent, after))) => in_time(after),
            (Fate::Alive | Fate::Frozen, None) => Self::Quiet,
            (Fate::Alive | Fate::Finished | Fate::Frozen, Some(_)) => Self::FalseAlarm,
        }
    }

    /// The same, of a connection whose other end went on answering to the last.
    #[must_use]
    pub fn if_answered(self, answered: bool) -> Self {
        match answered && self == Self::Missed {
            true => Self::Unnoticeable,
            false => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_depends_on_the_truth() {
        let deadline = Duration::from_secs(20);
        let at = |kind, s| Some((kind, Duration::from_secs(s)));
        for (fate, noticed, verdict) in [
            (Fate::Gone, at(Kind::Dead, 19), CellVerdict::Noticed),
            (Fate::Gone, at(Kind::EndOfStream, 0), CellVerdict::Noticed),
            (Fate::Gone, at(Kind::Dead, 21), CellVerdict::Late),
            (Fate::Gone, None, CellVerdict::Missed),
            (
                Fate::Finished,
                at(Kind::EndOfStream, 0),
                CellVerdict::Noticed,
            ),
            (Fate::Finished, at(Kind::Dead, 3), CellVerdict::FalseAlarm),
            (Fate::Alive, None, CellVerdict::Quiet),
            (
                Fate::Alive,
                at(Kind::ApplicationSilent, 9),
                CellVerdict::FalseAlarm,
            ),
            (
                Fate::Frozen,
                at(Kind::ApplicationSilent, 9),
                CellVerdict::Noticed,
            ),
            (Fate::Frozen, at(Kind::Dead, 9), CellVerdict::FalseAlarm),
        ] {
            assert_eq!(
                CellVerdict::of(fate, noticed, deadline),
                verdict,
                "{fate:?}"
            );
        }
    }

    #[test]
    fn only_a_miss_is_excused_by_answers() {
        assert_eq!(
            CellVerdict::Missed.if_answered(true),
            CellVerdict::Unnoticeable
        );
        assert_eq!(CellVerdict::Missed.if_answered(false), CellVerdict::Missed);
        for other in [
            CellVerdict::Noticed,
            CellVerdict::Late,
            CellVerdict::FalseAlarm,
        ] {
            assert_eq!(other.if_answered(true), other);
        }
    }
}
