//! Deadlines that supervision can keep: probes are whole seconds apart, and several must go
//! unanswered.

use std::time::Duration;

use super::{Supervision, clock_rates};
use crate::kernel::Kernel;
use crate::options::MAX_KEEPALIVE_S;
use crate::verdict::Loss;

/// Whether [supervision](Supervision::keeps) keeps its deadline for an idle peer that vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// On every connection.
    FromTheStart,
    /// Once the path's loss has been measured, and before that an idle peer is given up after so
    /// long.
    OnceMeasured(Duration),
    /// Not even on a path that loses nothing; this is the nearest deadline that it keeps.
    Not(Duration),
}

impl Supervision {
    /// Whether the deadline is kept for an idle peer on this kernel: probes are whole seconds apart
    /// (tcp(7), `TCP_KEEPINTVL`), and at least [`Loss::FEWEST`] must go unanswered.
    #[must_use]
    pub fn keeps(&self, kernel: &Kernel) -> Keeps {
        let clean = Loss::clean();
        if self.notices_idle(&clean, kernel) > self.deadline() {
            let nearest = (1..=MAX_KEEPALIVE_S.into())
                .map(Duration::from_secs)
                .find(|within| self.with_deadline(*within).notices_idle(&clean, kernel) <= *within);
            return Keeps::Not(nearest.unwrap_or(self.deadline()));
        }
        match self.notices_idle(&Loss::default(), kernel) {
            at_first if at_first > self.deadline() => Keeps::OnceMeasured(at_first),
            _ => Keeps::FromTheStart,
        }
    }

    fn notices_idle(&self, loss: &Loss, kernel: &Kernel) -> Duration {
        let idle = Duration::from_secs(self.idle_s(clock_rates(kernel)));
        self.notices_idle_within(idle, loss)
    }

    fn with_deadline(self, deadline: Duration) -> Self {
        Self {
            false_alarm_every: self.false_alarm_every,
            preference: self.preference,
            ..Self::within(deadline)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_refused_doubted_or_kept() {
        let judged = |seconds| {
            Supervision::within(Duration::from_secs(seconds)).keeps(&Kernel::modern(None))
        };
        assert_eq!(judged(2), Keeps::Not(Duration::from_secs(5)));
        assert!(matches!(judged(6), Keeps::OnceMeasured(after) if after.as_secs() == 10));
        assert_eq!(judged(30), Keeps::FromTheStart);
    }
}
