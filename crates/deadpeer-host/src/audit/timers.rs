//! What the timers that are armed at this moment make of what settings promise.

use deadpeer_core::{Effective, Finding, Forecast, Kernel, Notice, Silence, Snapshot};

use super::bound::Bound;

/// The armed timers of a connection, against its settings.
pub(super) struct Timers {
    /// That one of them was armed by other settings than those in force.
    pub(super) differs: Option<Finding>,
    /// When the kernel ends the connection if its peer is gone at this moment; `None` where the
    /// settings tell.
    pub(super) ends: Option<Notice>,
    /// The same, where it may be later than the settings promise.
    pub(super) counted: Option<Notice>,
}

impl Timers {
    pub(super) fn of(options: &Effective, snapshot: &Snapshot, kernel: &Kernel) -> Self {
        let differs = Finding::of_armed_timer(options, snapshot);
        let idle = snapshot.silence() == Some(Silence::Idle);
        // An idle connection whose timer the settings explain ends as they promise. That the timer
        // may all the same have been armed by a longer sysctl, and so fire later by its rounding,
        // is no reason to condemn each, and most connections are idle.
        let ends = match idle && snapshot.probes_out == 0 && differs.is_none() {
            true => None,
            false => snapshot.ends(options, kernel),
        };
        Self {
            counted: ends.filter(|_| !idle || differs.is_some()),
            differs,
            ends,
        }
    }

    /// When a late write is noticed: it may come just before the verdict of the timer that is
    /// armed.
    pub(super) fn late_write(&self, promised: Bound, forecast: &Forecast) -> Bound {
        match (promised, self.ends.and_then(Notice::latest)) {
            (Bound::By(at), Some(idle)) if self.differs.is_some() => {
                let then = forecast.in_flight.worst.latest();
                Bound::By(at.max(idle + then.unwrap_or_default()))
            }
            (bound, _) => bound,
        }
    }
}
