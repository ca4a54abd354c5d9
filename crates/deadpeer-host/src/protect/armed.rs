//! Timers that are armed already: what settings promise begins once they have run out.

use std::time::Duration;

use deadpeer_core::forecast::Timer;
use deadpeer_core::{Effective, Notice, Silence, Snapshot, SocketOptions};

use super::aim::{Aim, Change, Step};
use crate::audit::Timers;

/// Connections with a retransmission or a window probe armed so far ahead that they miss the
/// deadline this time, whatever is set: the kernel looks at options when a timer runs out
/// (net/ipv4/tcp_timer.c, `tcp_write_timer`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArmedAhead {
    /// How many.
    pub connections: u64,
    /// When the last of their timers runs out.
    pub fires_in: Duration,
    /// When the kernel gives up the last of them, its peer being gone.
    pub ends_in: Duration,
}

impl Aim {
    /// What the armed timers make of these settings, as long as no sysctl is set.
    pub(super) fn timers(&self, settings: &Effective, moment: &Snapshot) -> Timers {
        let in_flight = || self.forecast_at_present(settings, moment).in_flight.worst;
        Timers::of(settings, moment, self.kernel(), in_flight)
    }

    /// The same step, in view of the timer that is armed: keepalive armed by a longer setting is
    /// armed anew, by setting `TCP_KEEPIDLE` to what it is.
    pub(super) fn rearming(&self, step: Step, before: &Effective, timers: &Timers) -> Step {
        let policy = self.plan().policy();
        let ends = match policy.promises(Silence::LateWrite) {
            true => timers.latest(),
            false => timers.counted,
        };
        let in_time = ends.is_none_or(|ends| ends.meets(policy.within()));
        if !matches!(step, Step::Fine) || !timers.are_others() || in_time {
            return step;
        }
        Step::Change(Change {
            options: SocketOptions::new().keepidle_s(before.keepidle_s),
            after: *before,
            own_choice: false,
            keeps: true,
        })
    }

    /// Whether a connection ends too late by its armed timer although its settings, once the step
    /// is done, keep the deadline; and when.
    pub(super) fn armed_ahead(
        &self,
        step: &Step,
        before: &Effective,
        moment: &Snapshot,
    ) -> Option<(ArmedAhead, Notice)> {
        let after = match step {
            Step::Fine => before,
            Step::Change(change) if change.keeps => &change.after,
            Step::Change(_) | Step::KeptForApplication | Step::Helpless | Step::Overwritten => {
                return None;
            }
        };
        let silence = moment.silence()?;
        let armed = moment.armed?;
        let rearmed = silence == Silence::Idle || armed.timer == Timer::Keepalive;
        if rearmed || !self.plan().policy().promises(silence) || self.ends_in_time(after, moment) {
            return None;
        }
        let ends = moment.ends(after, self.kernel())?;
        let ahead = ArmedAhead {
            connections: 1,
            fires_in: armed.expires_in,
            ends_in: ends.latest()?,
        };
        Some((ahead, ends))
    }

    fn ends_in_time(&self, settings: &Effective, moment: &Snapshot) -> bool {
        let ends: Option<Notice> = moment.ends(settings, self.kernel());
        ends.is_none_or(|ends| ends.meets(self.plan().policy().within()))
    }
}

impl ArmedAhead {
    /// With another.
    pub(super) fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.fires_in = self.fires_in.max(other.fires_in);
        self.ends_in = self.ends_in.max(other.ends_in);
    }
}
