//! The thread that writes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::queue::Queue;
use super::upkeep::Upkeep;
use crate::bounds::Bounds;
use crate::open::{Trouble, is_damage};
use crate::store::Store;

/// Between two looks at the bounds.
const MINUTE: Duration = Duration::from_secs(60);
/// So many batches fail before what is left at the end is given up.
const LAST_TRIES: u32 = 3;

pub(super) struct Writer {
    store: Store,
    bounds: Bounds,
    queue: Arc<Queue>,
    upkeep: Upkeep,
    next_trim: Instant,
    unwritable: Option<String>,
    records: u64,
}

impl Writer {
    pub(super) fn new(store: Store, bounds: Bounds, queue: Arc<Queue>) -> Self {
        Self {
            store,
            bounds,
            queue,
            upkeep: Upkeep::new(),
            next_trim: Instant::now(),
            unwritable: None,
            records: 0,
        }
    }

    /// Until the end.
    pub(super) fn run(mut self) {
        while !self.queue.wait() {
            self.write();
            self.trim();
            if let Err(error) = self.upkeep.go_on(&mut self.store) {
                self.failed(&error);
            }
        }
        self.upkeep.end();
        for _ in 0..LAST_TRIES {
            if self.write() {
                return;
            }
        }
        let left = self.queue.take().deaths.len() as u64;
        self.queue.settle(|status| {
            status.waiting = 0;
            status.lost += left;
        });
    }

    /// Does what would keep the first deaths waiting: all of the file is read, for damage that
    /// opening did not find would be found later and cost more then, and the first batch, for which
    /// SQLite waits for the disk, is written without any.
    pub(super) fn begin(&mut self) {
        let sound = self.store.is_sound();
        if matches!(sound, Ok(false)) {
            self.maintain(true);
        }
        match self.store.deaths() {
            Ok(deaths) => self.records = deaths,
            Err(error) => self.failed(&error),
        }
        self.write();
    }

    /// Says whether nothing waits any more.
    fn write(&mut self) -> bool {
        self.maintain(false);
        let batch = self.queue.take();
        match self.store.write(&batch, SystemTime::now()) {
            Ok(()) => {
                self.records += batch.deaths.len() as u64;
                self.unwritable = None;
                self.report();
                true
            }
            Err(error) => {
                self.queue.give_back(batch);
                self.failed(&error);
                false
            }
        }
    }

    fn trim(&mut self) {
        if Instant::now() < self.next_trim {
            return;
        }
        let trimmed = self.store.trim(self.bounds, SystemTime::now());
        let more = trimmed.as_ref().is_ok_and(|more| *more);
        if !more {
            self.next_trim = Instant::now() + MINUTE;
        }
        match trimmed.and_then(|_| self.store.deaths()) {
            Ok(deaths) => self.records = deaths,
            Err(error) => self.failed(&error),
        }
        self.report();
    }

    fn maintain(&mut self, is_damaged: bool) {
        match self.store.maintain(is_damaged) {
            Ok(None) => {}
            Ok(Some(trouble)) => {
                self.records = 0;
                self.queue.tell(trouble);
            }
            Err(error) => self.unwritable_because(error.to_string()),
        }
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        match is_damage(error) || self.store.lacks_tables() {
            true => self.maintain(true),
            false => self.unwritable_because(error.to_string()),
        }
        self.report();
    }

    /// Tells the same trouble once.
    fn unwritable_because(&mut self, why: String) {
        if self.unwritable.as_ref() != Some(&why) {
            self.queue.tell(Trouble::Unwritable(why.clone()));
            self.unwritable = Some(why);
        }
    }

    fn report(&self) {
        let (records, bytes) = (self.records, self.store.bytes());
        self.queue.settle(|status| {
            status.records = records;
            status.bytes = bytes;
            status.waiting = 0;
            status.unwritable.clone_from(&self.unwritable);
        });
    }
}
