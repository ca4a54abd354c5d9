//! A path that breaks after close() and mends again: what was written last arrives, or not.

use std::time::Duration;

use anyhow::Result;
use deadpeer_core::{Notice, Silence};
use deadpeer_sys::clock;

use super::kind::Kind;
use super::script::Deed;
use super::stage::{Prediction, Stage};

/// How long before the last retransmission, and before the end, the path mends: cues are played
/// late on a busy machine.
const MARGIN: Duration = Duration::from_millis(30);
/// What may come after the last retransmission: the others of a slow start, and the FIN.
const REST: Duration = Duration::from_secs(8);

/// What became of a connection's last data.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// How long the path was broken.
    lasted: Duration,
    /// When the kernel sent for the last time, counted from the beginning of the outage; told where
    /// it does so no more.
    last_sent: Option<Duration>,
    pub(super) has_arrived: Option<bool>,
}

impl Outage {
    /// Whether what was foretold is what came.
    pub(super) fn is_right(&self, kind: Kind, told: &Prediction) -> bool {
        let survived = told.survived();
        // A cue played too late proves nothing.
        let survived_it = self.has_arrived == Some(true) || self.lasted > survived;
        let lost_after = self.has_arrived == Some(false)
            && self.last_sent.is_none_or(|last_sent| last_sent >= survived);
        !kind.is_outage()
            || survived_it && kind == Kind::OutageSurvived
            || lost_after && kind == Kind::OutageNotSurvived
    }

    /// How much longer an outage would have been survived than was foretold, as a part of that.
    pub(super) fn kept_back(&self, told: &Prediction) -> Option<f64> {
        let more = self.last_sent?.checked_sub(told.survived())?;
        Some(more.as_secs_f64() / told.survived().as_secs_f64())
    }
}

impl Prediction {
    /// The longest outage that the last data surely survives, without eBPF.
    fn survived(&self) -> Duration {
        self.blurred[1].after_close.outage_survived
    }
}

impl Stage {
    /// Has the path of an actor mend when its forecast says so.
    pub(super) fn plan_outage(&mut self, n: usize) {
        let actor = &self.actors[n];
        let kind = actor.scenario.kind;
        let Some(told) = actor.prediction.as_ref().filter(|_| kind.is_outage()) else {
            return;
        };
        let Some(Notice::Within(end)) = told.exact.outlook(Silence::AfterFin).now else {
            return;
        };
        // A user timeout cuts the last wait to any length.
        let is_cut = actor
            .scenario
            .options
            .user_timeout_ms
            .is_some_and(|ms| ms > 0);
        let mended = if kind == Kind::OutageSurvived {
            told.survived().saturating_sub(MARGIN)
        } else if is_cut {
            end.latest + MARGIN
        } else {
            end.earliest.saturating_sub(MARGIN)
        };
        let at = told.at;
        self.cues
            .insert((at + mended, n, usize::MAX - 1), Deed::Mend);
        let counted = at + mended.max(end.latest) + REST;
        self.cues.insert((counted, n, usize::MAX), Deed::Count);
    }

    pub(super) fn mend(&mut self, n: usize) -> Result<()> {
        let connection = self.actors[n].connection()?;
        let (local, peer) = connection.ends;
        let sent = self
            .seen(local, peer)
            .ok()
            .and_then(|seen| seen.moment.sent_ago);
        self.actors[n].connection()?.unmute()?;
        let actor = &mut self.actors[n];
        let Some(told) = &actor.prediction else {
            return Ok(());
        };
        actor.outage.lasted = clock::monotonic().saturating_sub(told.at);
        actor.outage.last_sent = sent
            .filter(|_| actor.scenario.kind == Kind::OutageNotSurvived)
            .map(|ago| actor.outage.lasted.saturating_sub(ago));
        Ok(())
    }
}
