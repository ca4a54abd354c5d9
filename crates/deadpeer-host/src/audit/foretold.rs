//! Forecasts of many connections, most of which are alike.

use deadpeer_core::{Effective, Finding, Forecast, Snapshot};
use rustc_hash::FxHashMap;

use super::connection::Audit;

/// The worst cases of every kind of connection that one [`Audit`] has met so far.
///
/// Programs set their options by configuration and paths differ by few ticks, so that a machine's
/// connections are of few kinds.
#[derive(Debug, Default)]
pub struct Foretold {
    kinds: FxHashMap<(Effective, Snapshot), Kind>,
}

/// What all connections of a kind have in common.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its worst cases; `now` is nobody's.
    pub(super) forecast: Forecast,
    /// What is odd about the settings.
    pub(super) findings: Vec<Finding>,
    /// Whether deadpeer supervises it.
    pub(super) supervised: bool,
}

/// As many as take a megabyte. A machine with more kinds than this is read all the same, and
/// forgets.
const MOST: usize = 2_048;

impl Foretold {
    pub(super) fn of(&mut self, audit: &Audit, options: &Effective, snapshot: &Snapshot) -> &Kind {
        let path = snapshot.for_worst_cases(audit.kernel());
        if self.kinds.len() >= MOST && !self.kinds.contains_key(&(*options, path)) {
            self.kinds.clear();
        }
        self.kinds
            .entry((*options, path))
            .or_insert_with(|| audit.kind(options, &path))
    }
}
