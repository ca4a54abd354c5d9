//! What waits to be sent.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prost::Message as _;

use super::proto::LogRecord;
use crate::metrics::ExportReading;

/// So many records wait at most, some ten megabytes.
const WAITING: usize = 10_000;
/// So many are sent at once at most.
const BATCH: usize = 1_000;
/// The next come together.
const BREATH: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    records: VecDeque<Vec<u8>>,
    reading: ExportReading,
    is_over: bool,
    is_done: bool,
}

impl Queue {
    /// Adds a record, which is made only if there is a place for it.
    pub(super) fn push(&self, record: impl FnOnce() -> LogRecord) {
        let mut state = self.lock();
        if state.records.len() >= WAITING {
            state.reading.lost += 1;
        } else {
            state.records.push_back(record().encode_to_vec());
        }
    }

    /// The next batch, empty if there is none until then, and whether it is over.
    pub(super) fn take(&self, until: Instant) -> (Vec<Vec<u8>>, bool) {
        let mut state = self.lock();
        let breath = Instant::now() + BREATH;
        while !state.is_over {
            let now = Instant::now();
            let has_some = !state.records.is_empty();
            if now >= until || (has_some && now >= breath) || state.records.len() >= BATCH {
                break;
            }
            // Whoever adds one rings no bell: a death is heard of when the breath is over.
            let wait = until.min(now + BREATH).saturating_duration_since(now);
            state = self.wait(state, wait);
        }
        let count = match state.is_over {
            true => state.records.len(),
            false => state.records.len().min(BATCH),
        };
        (state.records.drain(..count).collect(), state.is_over)
    }

    pub(super) fn count(&self, accepted: u64, lost: u64) {
        let reading = &mut self.lock().reading;
        reading.accepted += accepted;
        reading.lost += lost;
    }

    pub(super) fn reading(&self) -> ExportReading {
        self.lock().reading
    }

    /// Waits so long, or until it is over; whether it is.
    pub(super) fn is_over_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_over || left.is_zero() {
                return state.is_over;
            }
            state = self.wait(state, left);
        }
    }

    /// Has the sender end, and waits so long for it.
    pub(super) fn end(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        state.is_over = true;
        self.bell.notify_all();
        while !state.is_done {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.wait(state, left);
        }
    }

    /// The sender has ended.
    pub(super) fn done(&self) {
        self.lock().is_done = true;
        self.bell.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        let waited = self.bell.wait_timeout(state, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
