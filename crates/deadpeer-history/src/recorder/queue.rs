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
        // A storm is not left to wait for the second to pass.
        if state.batch.deaths.len() == CAPACITY / 4 {
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

    /// Waits for so long, or until there is much to do or nothing more to come. Says whether this
    /// is the end.
    pub(super) fn wait(&self, until: Instant) -> bool {
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() || state.batch.deaths.len() >= CAPACITY / 4 {
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
