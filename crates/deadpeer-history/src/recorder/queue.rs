//! What waits to be written, between whoever sees deaths and the thread.

use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpeer_host::deaths::Death;
use deadpeer_report::duration::milliseconds;

use super::Status;
use crate::network::network;
use crate::open::Trouble;
use crate::store::Batch;

/// So many deaths wait at most, some 40 MB: three seconds of the worst storm.
const CAPACITY: usize = 100_000;
/// A batch is written so long after the first death in it came. With what the writing itself takes,
/// a death is in the file within a second.
const RIPE: Duration = Duration::from_millis(500);
/// When nobody dies, that somebody watches is written so often; and so long after a batch that
/// could not be written the next is tried.
const SECOND: Duration = Duration::from_secs(1);
/// Peers of so many networks are told apart in one second.
const NETWORKS: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    /// When it is to be written, if deaths are in it.
    due: Option<Instant>,
    /// Not before: the last could not be written.
    rests_until: Option<Instant>,
    ended: bool,
    status: Status,
    troubles: Vec<Trouble>,
}

impl Queue {
    pub(super) fn push(&self, death: &Death) {
        let mut state = self.lock();
        if state.batch.deaths.len() >= CAPACITY {
            state.lose(1, "too-many");
            return;
        }
        state.batch.deaths.push(death.clone());
        let is_first = state.due.is_none();
        state.due.get_or_insert_with(|| Instant::now() + RIPE);
        // A storm is not left to wait.
        if is_first || state.batch.deaths.len() == CAPACITY / 4 {
            self.woken.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.lock().batch.closes += 1;
    }

    pub(super) fn lose(&self, deaths: u64, why: &'static str) {
        self.lock().lose(deaths, why);
    }

    pub(super) fn survive(&self, peer: IpAddr, silence: Duration) {
        let networks = &mut self.lock().batch.survived;
        if networks.len() >= NETWORKS {
            return;
        }
        let longest = networks.entry(network(peer)).or_default();
        *longest = (*longest).max(milliseconds(silence));
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        Status {
            waiting: state.status.waiting + state.batch.deaths.len() as u64,
            ..state.status.clone()
        }
    }

    pub(super) fn troubles(&self) -> Vec<Trouble> {
        std::mem::take(&mut self.lock().troubles)
    }

    pub(super) fn tell(&self, trouble: Trouble) {
        self.lock().troubles.push(trouble);
    }

    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.woken.notify_one();
    }

    /// Waits until a batch is due, or there is nothing more to come. Says whether this is the end.
    pub(super) fn wait(&self) -> bool {
        let idle = Instant::now() + SECOND;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let is_much = state.batch.deaths.len() >= CAPACITY / 4;
            let until = match (state.rests_until, state.due) {
                (Some(rested), _) => rested,
                (None, _) if is_much => now,
                (None, Some(due)) => due.min(idle),
                (None, None) => idle,
            };
            let left = until.saturating_duration_since(now);
            if state.ended || left.is_zero() {
                return state.ended;
            }
            let waited = self.woken.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes what waits, for the thread to write.
    pub(super) fn take(&self) -> Batch {
        let mut state = self.lock();
        let batch = std::mem::take(&mut state.batch);
        (state.due, state.rests_until) = (None, None);
        state.status.waiting = batch.deaths.len() as u64;
        batch
    }

    /// It was not written: whatever there is room for waits on.
    pub(super) fn give_back(&self, mut batch: Batch) {
        let mut state = self.lock();
        let since = std::mem::take(&mut state.batch);
        batch.deaths.extend(since.deaths);
        let surplus = batch.deaths.len().saturating_sub(CAPACITY);
        batch.deaths.drain(..surplus);
        batch.closes += since.closes;
        batch.lost.extend(since.lost);
        for (network, silence) in since.survived {
            let longest = batch.survived.entry(network).or_default();
            *longest = (*longest).max(silence);
        }
        state.batch = batch;
        state.rests_until = Some(Instant::now() + SECOND);
        state.status.waiting = 0;
        state.lose(surplus as u64, "unwritable");
    }

    /// It was written, or will never be.
    pub(super) fn settle(&self, update: impl FnOnce(&mut Status)) {
        let mut state = self.lock();
        update(&mut state.status);
    }

    /// A panic of whoever held it leaves it as it was.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lose(&mut self, deaths: u64, why: &'static str) {
        if deaths == 0 {
            return;
        }
        self.status.lost += deaths;
        match self.batch.lost.iter_mut().find(|(_, of)| *of == why) {
            Some((lost, _)) => *lost += deaths,
            None => self.batch.lost.push((deaths, why)),
        }
    }
}
