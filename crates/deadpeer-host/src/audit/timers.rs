//! What the timers that are armed at this moment make of what settings promise.

use deadpeer_core::forecast::Span;
use deadpeer_core::{Effective, Finding, Kernel, Notice, Silence, Snapshot, TcpState};

/// The armed timers of a connection, against its settings.
pub(crate) struct Timers {
    /// That one of them was armed by other settings than those in force.
    pub(super) differs: Option<Finding>,
    /// When the kernel ends the connection if its peer is gone at this moment; `None` where the
    /// settings tell.
    pub(super) ends: Option<Notice>,
    /// The same, where it may be later than the settings promise.
    pub(crate) counted: Option<Notice>,
    /// When a late write is then noticed: it may come just before the verdict of a keepalive timer
    /// that other settings have armed.
    pub(super) late_write: Option<Notice>,
}

impl Timers {
    /// `in_flight` is when the settings promise that data in flight is noticed.
    pub(crate) fn of(
        options: &Effective,
        snapshot: &Snapshot,
        kernel: &Kernel,
        in_flight: impl FnOnce() -> Notice,
    ) -> Self {
        let differs = Finding::of_armed_timer(options, snapshot);
        let idle = snapshot.silence() == Some(Silence::Idle);
        // An idle connection whose timer the settings explain ends as they promise. That the timer
        // may all the same have been armed by a longer sysctl, and so fire later by its rounding,
        // is no reason to condemn each, and most connections are idle.
        let ends = match idle && snapshot.probes_out == 0 && differs.is_none() {
            true => None,
            false => snapshot.ends(options, kernel),
        };
        let may_write = Silence::still_to_come(snapshot.state).contains(&Silence::LateWrite);
        let armed_by_others = ends.filter(|_| differs.is_some() && may_write);
        Self {
            counted: ends.filter(|_| !idle || differs.is_some()),
            late_write: armed_by_others.map(|idle| then(idle, in_flight())),
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

    /// The latest of all that count; `None`: none is later than the settings promise.
    pub(crate) fn latest(&self) -> Option<Notice> {
        let counted = self.counted.into_iter().chain(self.late_write);
        counted.reduce(Notice::later_of)
    }

    /// Whether settings other than these have armed keepalive.
    pub(crate) fn are_others(&self) -> bool {
        self.differs.is_some()
    }
}

fn then(first: Notice, second: Notice) -> Notice {
    match (first, second) {
        (Notice::Within(first), Notice::Within(second)) => Notice::Within(Span {
            earliest: first.earliest + second.earliest,
            latest: first.latest + second.latest,
        }),
        (Notice::Never, _) | (_, Notice::Never) => Notice::Never,
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
            let timers = Timers::of(&options, &snapshot, &kernel, || Notice::Never);
            let counted = timers.counted_in(Silence::InFlight, &snapshot);
            let latest = counted.and_then(Notice::latest).expect("it counts");
            assert!(latest > Duration::from_secs(100), "{state:?}");
            assert_eq!(timers.counted_in(Silence::Idle, &snapshot), None);
        }
    }

    #[test]
    fn a_late_write_comes_after_a_keepalive_timer_that_others_armed() {
        let kernel = Kernel::modern(Some(250));
        let mut options = Effective::untouched(&kernel.sysctls);
        options.keepalive = true;
        (options.keepidle_s, options.keepintvl_s, options.keepcnt) = (5, 2, 3);
        let seconds = |s| {
            Notice::Within(Span {
                earliest: Duration::ZERO,
                latest: Duration::from_secs(s),
            })
        };
        let mut snapshot = Snapshot::new(TcpState::Established);
        snapshot.heard_ago = Some(Duration::from_secs(1));
        for (left, late) in [(7_000, true), (4, false)] {
            snapshot.armed = Some(Armed {
                timer: Timer::Keepalive,
                expires_in: Duration::from_secs(left),
                level: None,
            });
            let timers = Timers::of(&options, &snapshot, &kernel, || seconds(900));
            let latest = timers.latest().and_then(Notice::latest);
            let least = Duration::from_secs(left + 900);
            assert_eq!(
                latest.is_some_and(|latest| latest >= least),
                late,
                "{latest:?}"
            );
        }
    }
}
