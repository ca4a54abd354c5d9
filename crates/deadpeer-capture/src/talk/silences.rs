//! The silences of a conversation: how long they were, and which of them it survived.
//!
//! Something between two hosts may forget a connection on which nothing is said for long. A silence
//! after which one side said something and the other acknowledged it was too short for that.

use std::time::Duration;

use super::side::Side;

/// Shorter ones are not remembered: nobody forgets a connection so soon.
const LEAST: Duration = Duration::from_secs(30);

/// The silences of a conversation, in milliseconds: up to seven weeks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Silences {
    longest: u32,
    survived: u32,
    /// Since who broke it was not acknowledged yet.
    broken: u32,
    by: Option<Side>,
}

impl Silences {
    /// A side says something after so long a silence of both.
    pub(super) fn broken_by(&mut self, side: Side, silence: Duration) {
        if silence < LEAST {
            return;
        }
        let silence = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
        self.longest = self.longest.max(silence);
        self.broken = self.broken.max(silence);
        self.by = Some(side);
    }

    /// A side acknowledges all that the other said.
    pub(super) fn acknowledged_by(&mut self, side: Side) {
        if self.by == Some(!side) {
            self.survived = self.survived.max(self.broken);
            (self.by, self.broken) = (None, 0);
        }
    }

    /// The longest, or zero where all were short.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.into())
    }

    /// The longest after which what was said was acknowledged; `None`: all were short.
    pub(crate) fn survived(&self) -> Option<Duration> {
        (self.survived > 0).then(|| Duration::from_millis(self.survived.into()))
    }
}
