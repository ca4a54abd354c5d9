//! When to look at which connection.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::table::Place;

/// Looks are rounded up to whole ones of these, so that one wake-up serves many connections.
const TICK: Duration = Duration::from_millis(10);

/// The planned looks, one for each supervised connection. Those of connections that were forgotten stay until their turn.
#[derive(Debug, Default)]
pub(super) struct Looks(BinaryHeap<Reverse<(u64, Place)>>);

impl Looks {
    /// Plans a look at `at` or at most a tick later.
    pub(super) fn plan(&mut self, at: Duration, place: Place) {
        let tick = at.as_nanos().div_ceil(TICK.as_nanos());
        let tick = u64::try_from(tick).unwrap_or(u64::MAX);
        self.0.push(Reverse((tick, place)));
    }

    /// Takes out a look whose time has come.
    pub(super) fn due(&mut self, now: Duration) -> Option<Place> {
        self.next().filter(|at| *at <= now)?;
        self.0.pop().map(|Reverse((_, place))| place)
    }

    /// When the next look is due.
    pub(super) fn next(&self) -> Option<Duration> {
        let Reverse((tick, _)) = self.0.peek()?;
        let ms = tick.saturating_mul(TICK.as_millis() as u64);
        Some(Duration::from_millis(ms))
    }
}
