//! How things stand, as numbers for Prometheus.
//!
//! Names are few and bounded: a [`Board`] tells a hundred services apart and counts the others as
//! one; how many those are is itself a number. Nothing that a peer chooses is ever a label.

mod collect;
mod deaths;
mod names;
mod server;
#[cfg(test)]
mod tests;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

use crate::event::Event;
use crate::readings::Readings;
use deaths::Deaths;
use names::Names;

#[cfg(feature = "otlp")]
pub(crate) use deaths::Silences;
pub use server::Server;
#[cfg(feature = "otlp")]
pub(crate) use write::{Labels, Metric, Series};

/// What is shown. Its clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    readings: Readings,
    deaths: Deaths,
    history: Option<HistoryReading>,
    export: Option<ExportReading>,
    names: Names,
    next_sweep: Option<Instant>,
}

/// How the memory of deaths is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryReading {
    /// Deaths in it, of earlier runs too.
    pub records: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Deaths of this run that will never be in it.
    pub lost: u64,
    /// Whether it cannot be written now.
    pub is_unwritable: bool,
}

/// How log records for a collector fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportReading {
    /// Those that the collector took.
    pub accepted: u64,
    /// Those that it refused, and those that there was no place for.
    pub lost: u64,
}

/// A guard whose sweep is overdue for so long does not live.
const OVERDUE: Duration = Duration::from_secs(60);

/// What all names begin with.
pub(crate) const PREFIX: &str = "deadpeer";

/// What [`Board::text`] is written in.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

impl Board {
    /// Counts a death; other events are in the readings.
    pub fn count(&self, event: &Event) {
        let Event::Died(died) = event else { return };
        let state = &mut *self.lock();
        state.deaths.count(&died.death, &mut state.names);
    }

    /// Takes over how things stand, and when they will be looked at again.
    pub fn show(&self, readings: &Readings, history: Option<HistoryReading>, next_sweep: Instant) {
        let readings = readings.clone();
        let state = &mut *self.lock();
        state.names.learn_all(&readings);
        state.readings = readings;
        state.history = history;
        state.next_sweep = Some(next_sweep);
    }

    /// Takes over how log records for a collector fared.
    pub fn show_export(&self, export: ExportReading) {
        self.lock().export = Some(export);
    }

    /// Whether a guard is behind it that sweeps when a sweep is due, or not much later.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let next_sweep = self.lock().next_sweep;
        next_sweep.is_some_and(|due| Instant::now() < due + OVERDUE)
    }

    /// Whether anything was shown on it yet.
    #[cfg(feature = "otlp")]
    pub(crate) fn is_shown(&self) -> bool {
        self.lock().next_sweep.is_some()
    }

    /// Everything, in the text format of Prometheus (version 0.0.4).
    #[must_use]
    pub fn text(&self) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }

    /// A panic of whoever held it leaves it as it was.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
