//! Deadlines that supervision can keep: probes are whole seconds apart, and several must go
//! unanswered.

use std::time::Duration;

use deadpeer_core::verdict::Loss;
use deadpeer_core::{Kernel, Supervision};
use deadpeer_report::duration::{self, Upper};

/// Whether supervision keeps a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// On every connection.
    FromTheStart,
    /// Once the path's loss has been measured, and before that an idle peer is given up after so
    /// long.
    OnceMeasured(Duration),
    /// Not even on a path that loses nothing; this is the nearest deadline that it keeps.
    Not(Duration),
}

/// Whether supervision keeps this deadline on this kernel.
pub(crate) fn keeps(within: Duration, kernel: &Kernel) -> Keeps {
    let notices = |within, loss: &Loss| {
        let supervision = Supervision::within(within);
        supervision.notices_idle_within(loss, kernel)
    };
    let clean = Loss::clean();
    if notices(within, &clean) > within {
        let seconds = (1..).map(Duration::from_secs);
        let nearest = seconds
            .into_iter()
            .find(|within| notices(*within, &clean) <= *within);
        return Keeps::Not(nearest.unwrap_or(within));
    }
    match notices(within, &Loss::default()) {
        at_first if at_first > within => Keeps::OnceMeasured(at_first),
        _ => Keeps::FromTheStart,
    }
}

impl Keeps {
    /// What has to be said about the deadline, if anything.
    pub(crate) fn sentence(self, within: Duration) -> Option<String> {
        let within = duration::typed(within);
        match self {
            Self::FromTheStart => None,
            Self::OnceMeasured(at_first) => Some(format!(
                "before the path's loss has been measured, an idle peer is given up after {}, not {within}",
                Upper(at_first)
            )),
            Self::Not(nearest) => Some(format!(
                "supervision cannot notice an idle peer within {within}: probes are a second apart, and four must go unanswered; the nearest deadline is {}",
                duration::typed(nearest)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_refused_doubted_or_kept() {
        let judged = |seconds| keeps(Duration::from_secs(seconds), &Kernel::modern(None));
        assert_eq!(judged(2), Keeps::Not(Duration::from_secs(5)));
        assert!(matches!(judged(6), Keeps::OnceMeasured(after) if after.as_secs() == 10));
        assert_eq!(judged(30), Keeps::FromTheStart);
    }
}
