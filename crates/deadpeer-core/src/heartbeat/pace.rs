//! How often, and how long: what two ends' wishes come to.

use std::time::Duration;

use super::event::Violation;
use super::message::Hello;
use super::settings::{MULTIPLIER, Settings};

/// What holds between two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// How often this end asks.
    pub(super) every: Option<Duration>,
    /// The silence that convicts; `None`: nobody asks and nothing was promised.
    pub(super) deadline: Option<Duration>,
}

impl Pace {
    /// What holds before the peer has said anything.
    pub(super) fn alone(settings: &Settings) -> Self {
        Self {
            every: settings.every,
            deadline: settings.every.map(|_| settings.deadline),
        }
    }

    /// The slower side wins: an end asks no more often than the other bears, and waits for a
    /// multiple of what the other promises (RFC 5880, sections 6.8.2 to 6.8.4). `complaints` of the
    /// peer double the interval each.
    pub(super) fn agree(
        settings: &Settings,
        peer: Option<Hello>,
        complaints: u32,
    ) -> Result<Self, Violation> {
        let floor = peer.map_or(Duration::ZERO, |peer| peer.floor);
        let slowest = settings.longest / MULTIPLIER;
        let asked = settings.every.map(|every| every.max(floor));
        let promised = peer
            .and_then(|peer| peer.every)
            .map(|every| every.max(settings.floor));
        let expected = if asked.is_some() { asked } else { promised };
        if let (Some(peer), true) = (peer, expected > Some(slowest)) {
            return Err(Violation::TooSlow(peer));
        }
        let every = asked.map(|every| {
            let backed_off =
                every.saturating_mul(1_u32.checked_shl(complaints).unwrap_or(u32::MAX));
            backed_off.min(slowest).max(every)
        });
        let deadline = every
            .or(promised)
            .map(|every| every.saturating_mul(MULTIPLIER).max(settings.deadline));
        Ok(Self { every, deadline })
    }

    /// The time that a question has to be answered in; an end that doesn't ask gives none.
    pub(super) fn answer_time(&self) -> Option<Duration> {
        Some(self.deadline?.saturating_sub(self.every?))
    }
}
