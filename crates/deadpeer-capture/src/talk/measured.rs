//! What a side's timers show of its settings.

use std::num::NonZeroU64;
use std::time::Duration;

/// Shortest waits seen of each timer: a timer is late, never early, so the shortest is nearest to the setting.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    idle: Option<NonZeroU64>,
    interval: Option<NonZeroU64>,
    rto: Option<NonZeroU64>,
}

impl Measured {
    /// A first probe came after so much silence.
    pub(crate) fn probed_after_silence(&mut self, silence: Duration) {
        shorten(&mut self.idle, silence);
    }

    /// A probe followed an unanswered one.
    pub(crate) fn probed_again_after(&mut self, wait: Duration) {
        shorten(&mut self.interval, wait);
    }

    /// A wait that doubled afterwards: the retransmission timeout.
    pub(crate) fn resent_after(&mut self, wait: Duration) {
        shorten(&mut self.rto, wait);
    }

    pub(crate) fn idle(&self) -> Option<Duration> {
        read(self.idle)
    }

    pub(crate) fn interval(&self) -> Option<Duration> {
        read(self.interval)
    }

    pub(crate) fn rto(&self) -> Option<Duration> {
        read(self.rto)
    }
}

fn shorten(shortest: &mut Option<NonZeroU64>, wait: Duration) {
    let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    let wait = NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN);
    *shortest = Some(shortest.map_or(wait, |before| before.min(wait)));
}

fn read(shortest: Option<NonZeroU64>) -> Option<Duration> {
    shortest.map(|nanos| Duration::from_nanos(nanos.get()))
}
