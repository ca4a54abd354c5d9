//! What the times of probes show of a side's settings.

use std::num::NonZeroU64;
use std::time::Duration;

/// The shortest waits seen: a timer is late, never early, so the shortest is nearest to the
/// setting.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    idle: Shortest,
    interval: Shortest,
}

impl Measured {
    /// A first probe came after so much silence.
    pub(crate) fn probed_after_silence(&mut self, silence: Duration) {
        self.idle.of(silence);
    }

    /// A probe followed an unanswered one.
    pub(crate) fn probed_again_after(&mut self, wait: Duration) {
        self.interval.of(wait);
    }

    /// Silence before a first probe.
    pub(crate) fn idle(&self) -> Option<Duration> {
        self.idle.wait()
    }

    /// Between unanswered probes.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.interval.wait()
    }
}

/// The shortest of some waits, if there was one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shortest(Option<NonZeroU64>);

impl Shortest {
    /// One more.
    pub(crate) fn of(&mut self, wait: Duration) {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let wait = NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN);
        self.0 = Some(self.0.map_or(wait, |before| before.min(wait)));
    }

    pub(crate) fn wait(self) -> Option<Duration> {
        self.0.map(|nanos| Duration::from_nanos(nanos.get()))
    }
}
