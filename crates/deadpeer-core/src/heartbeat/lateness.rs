//! Am *I* the slow one? How late we come for what we wanted to be woken for.

use std::time::Duration;

use super::event::{Wake, Why};

/// A timer is not late before it is late by this share of the deadline.
const USUAL_SHARE: u32 = 32;
const USUAL_LEAST: Duration = Duration::from_millis(20);
const USUAL_MOST: Duration = Duration::from_secs(1);
/// What waits in our receive buffer gets at most this share of the deadline to be read, after we
/// came late to convict.
const GRACE_SHARE: u32 = 8;
/// A conviction is put off so often at most: a dead peer must be noticed even by a program that is
/// always late.
const PUT_OFF_MOST: u8 = 2;

/// Watches our own clock, and keeps what it cost the peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lateness {
    last: Duration,
    excused: Duration,
    put_off: u8,
}

impl Lateness {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            last: now,
            excused: Duration::ZERO,
            put_off: 0,
        }
    }

    /// Takes a reading of the clock, which never runs back, and tells how late it is for a wake-up
    /// if that is unusual.
    pub(super) fn read(
        &mut self,
        now: Duration,
        wake: Option<Wake>,
        deadline: Duration,
    ) -> Option<Duration> {
        let last = self.last;
        self.last = last.max(now);
        let wake = wake?;
        let by = self.last.saturating_sub(wake.at.max(last));
        if !is_late(by, deadline) {
            return None;
        }
        match wake.why {
            Why::Convict if self.put_off < PUT_OFF_MOST => {
                self.put_off += 1;
                self.excused += by + by.min(deadline / GRACE_SHARE);
            }
            Why::Convict => {}
            Why::Ask | Why::Stuck => self.excused += by,
        }
        Some(by)
    }

    /// The last reading of the clock.
    pub(super) fn now(&self) -> Duration {
        self.last
    }

    /// The time since the peer was heard that doesn't count as its silence.
    pub(super) fn excused(&self) -> Duration {
        self.excused
    }

    /// The peer was heard.
    pub(super) fn forget(&mut self) {
        self.excused = Duration::ZERO;
        self.put_off = 0;
    }
}

/// Whether a timer that comes `by` after its time is later than timers usually are.
pub(super) fn is_late(by: Duration, deadline: Duration) -> bool {
    by > (deadline / USUAL_SHARE).clamp(USUAL_LEAST, USUAL_MOST)
}
