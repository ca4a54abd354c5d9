//! What the timers that are armed at this moment make of what settings promise.

use deadpeer_core::{Effective, Finding, Forecast, Kernel, Notice, Silence, Snapshot, TcpState};

use super::bound::Bound;

/// The armed timers of a connection, against its settings.
pub(crate) struct Timers {
    /// That one of them was armed by other settings than those in force.
    pub(super) differs: Option<Finding>,
    /// When the kernel ends the connection if its peer is gone at this moment; `None` where the
    /// settings tell.
    pub(super) ends: Option<Notice>,
    /// The same, where it may be later than the settings promise.
    pub(crate) counted: Option<Notice>,
}

impl Timers {
    pub(crate) fn of(options: &Effective, snapshot: &Snapshot, kernel: &Kernel) -> Self {
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

    /// The end that counts among those of a silence, if it is the one of this moment.
    pub(super) fn counted_in(&self, silence: Silence, snapshot: &Snapshot) -> Option<Notice> {
        let present = match (snapshot.silence()?, snapshot.state) {
            (Silence::AfterFin, TcpState::FinWait2) => Silence::Idle,
            // Our FIN is sent again like data.
            (Silence::AfterFin, _) => Silence::InFlight,
            (present, _) => present,
        };
        self.counted.filter(|_| present == silence)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deadpeer_core::forecast::{Armed, Timer};

    use super::*;

    #[test]
    fn a_fin_that_is_sent_again_far_ahead_counts_like_data() {
        let kernel = Kernel::modern(Some(250));
        let mut options = Effective::untouched(&kernel.sysctls);
        options.rto_max_ms = Some(1_000);
        for state in [
            TcpState::Established,
            TcpState::FinWait1,
            TcpState::LastAck,
            TcpState::Closing,
        ] {
            let mut snapshot = Snapshot::new(state);
            (snapshot.in_flight, snapshot.retransmits, snapshot.backoff) = (true, 9, 9);
            snapshot.rto = Some(Duration::from_secs(102));
            snapshot.armed = Some(Armed {
                timer: Timer::Retransmit,
                expires_in: Duration::from_secs(102),
                level: None,
            });
            let timers = Timers::of(&options, &snapshot, &kernel);
            let counted = timers.counted_in(Silence::InFlight, &snapshot);
            let latest = counted.and_then(Notice::latest).expect("it counts");
            assert!(latest > Duration::from_secs(100), "{state:?}");
            assert_eq!(timers.counted_in(Silence::Idle, &snapshot), None);
        }
    }
}
