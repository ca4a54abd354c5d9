//! The thread that writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::queue::Queue;
use super::upkeep::Upkeep;
use crate::bounds::Bounds;
use crate::open::{self, Damaged, OpenError, Trouble, is_damage};
use crate::store::Store;

/// Between two looks at the bounds.
const MINUTE: Duration = Duration::from_secs(60);
/// So many batches fail before what is left at the end is given up.
const LAST_TRIES: u32 = 3;

pub(super) struct Writer {
    path: PathBuf,
    /// `None`: it cannot be opened now.
    store: Option<Store>,
    bounds: Bounds,
    queue: Arc<Queue>,
    upkeep: Upkeep,
    next_trim: Instant,
    unwritable: Option<String>,
    records: u64,
}

impl Writer {
    pub(super) fn new(path: &Path, bounds: Bounds) -> Self {
        Self {
            path: path.to_owned(),
            store: None,
            bounds,
            queue: Arc::default(),
            upkeep: Upkeep::new(),
            next_trim: Instant::now(),
            unwritable: None,
            records: 0,
        }
    }

    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// Until the end.
    pub(super) fn run(mut self) {
        while !self.queue.wait() {
            self.write();
            self.trim();
            self.keep_up();
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

    /// Does what would keep the first deaths waiting: the file is opened, and the first batch, for
    /// which SQLite waits for the disk, is written without any.
    pub(super) fn begin(&mut self, damaged: Damaged) -> Result<(), OpenError> {
        self.open(damaged)?;
        self.write();
        Ok(())
    }

    /// Opens the file and reads all of it, for damage that opening did not find would be found
    /// later and cost more then.
    fn open(&mut self, damaged: Damaged) -> Result<(), OpenError> {
        let (store, trouble) = Store::open(&self.path, damaged, SystemTime::now())?;
        trouble.into_iter().for_each(|it| self.queue.tell(it));
        let sound = store.is_sound();
        let store = self.store.insert(store);
        if matches!(sound, Ok(false)) {
            self.move_aside();
            return Ok(());
        }
        match store.deaths() {
            Ok(deaths) => self.records = deaths,
            Err(error) => self.failed(&error),
        }
        Ok(())
    }

    /// Opens the file unless it is open and is still there.
    fn reopen(&mut self) {
        let gone = self.store.as_ref().is_some_and(Store::is_gone);
        if gone {
            self.close();
        } else if self.store.is_some() {
            return;
        }
        match self.open(Damaged::MoveAside) {
            Ok(()) if gone => self.queue.tell(Trouble::Gone),
            Ok(()) => {}
            Err(error) => self.unwritable_because(error.to_string()),
        }
    }

    fn close(&mut self) {
        self.upkeep.end();
        self.store = None;
    }

    /// Says whether nothing waits any more.
    fn write(&mut self) -> bool {
        self.reopen();
        let batch = self.queue.take();
        let written = (self.store.as_mut()).map(|store| store.write(&batch, SystemTime::now()));
        if let Some(Ok(())) = written {
            self.records += batch.deaths.len() as u64;
            if self.unwritable.take().is_some() {
                self.queue.tell(Trouble::Writable);
            }
            self.report();
            return true;
        }
        self.queue.give_back(batch);
        match written {
            Some(Err(error)) => self.failed(&error),
            _ => self.report(),
        }
        false
    }

    fn trim(&mut self) {
        let Some(store) = self.store.as_mut() else {
            return;
        };
        if Instant::now() < self.next_trim {
            return;
        }
        let trimmed = store.trim(self.bounds, SystemTime::now());
        let more = trimmed.as_ref().is_ok_and(|more| *more);
        if !more {
            self.next_trim = Instant::now() + MINUTE;
        }
        match trimmed.and_then(|_| store.deaths()) {
            Ok(deaths) => self.records = deaths,
            Err(error) => self.failed(&error),
        }
        self.report();
    }

    fn keep_up(&mut self) {
        let kept = self.store.as_mut().map(|store| self.upkeep.go_on(store));
        if let Some(Err(error)) = kept {
            self.failed(&error);
        }
    }

    /// The next batch begins a new file.
    fn move_aside(&mut self) {
        // As long as it is open SQLite sees that it was moved, and lets it be.
        match open::move_aside(&self.path) {
            Ok(aside) => {
                self.close();
                self.records = 0;
                self.queue.tell(Trouble::MovedAside(aside));
            }
            Err(error) => self.unwritable_because(error.to_string()),
        }
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        let lacks_tables = self.store.as_ref().is_some_and(Store::lacks_tables);
        match is_damage(error) || lacks_tables {
            true => self.move_aside(),
            false => self.unwritable_because(error.to_string()),
        }
        self.report();
    }

    /// Tells the same trouble once.
    pub(super) fn unwritable_because(&mut self, why: String) {
        if self.unwritable.as_ref() != Some(&why) {
            self.queue.tell(Trouble::Unwritable(why.clone()));
            self.unwritable = Some(why);
        }
        self.report();
    }

    fn report(&self) {
        let bytes = self.store.as_ref().map_or(0, Store::bytes);
        let records = self.records;
        self.queue.settle(|status| {
            status.records = records;
            status.bytes = bytes;
            status.waiting = 0;
            status.unwritable.clone_from(&self.unwritable);
        });
    }
}
