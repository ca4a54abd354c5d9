//! A set time.

use std::time::Duration;

use super::Detector;

/// Convicts after a fixed time of silence. The measure of all others.
///
/// Suspicion is the share of the timeout that has passed: 1 convicts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fixed {
    timeout: Duration,
    beat: u64,
    heard: Option<Duration>,
}

impl Fixed {
    /// A detector that convicts `timeout` after the last heartbeat.
    #[must_use]
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            beat: 0,
            heard: None,
        }
    }
}

impl Detector for Fixed {
    fn heard(&mut self, beat: u64, now: Duration) {
        if beat > self.beat {
            self.beat = beat;
            self.heard = Some(now);
        }
    }

    fn resume(&mut self, now: Duration) {
        self.heard = self.heard.map(|_| now);
    }

    fn suspicion(&self, now: Duration) -> f64 {
        let silent = self.heard.map(|heard| now.saturating_sub(heard));
        silent.map_or(0.0, |silent| {
            silent.as_secs_f64() / self.timeout.as_secs_f64().max(f64::MIN_POSITIVE)
        })
    }

    fn convicts_at(&self) -> Option<Duration> {
        Some(self.heard?.saturating_add(self.timeout))
    }
}
