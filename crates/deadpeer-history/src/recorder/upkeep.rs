//! Once a day somebody reads all of the file for names that no death has any more, beside the
//! writing, which does not wait for it.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::InterruptHandle;

use crate::store::Store;
use crate::unused::{self, Unused};

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) struct Upkeep {
    next: Instant,
    search: Option<Search>,
}

/// One that goes on.
struct Search {
    found: Receiver<Unused>,
    interrupt: InterruptHandle,
    thread: JoinHandle<()>,
}

impl Upkeep {
    pub(super) fn new() -> Self {
        Self {
            next: Instant::now(),
            search: None,
        }
    }

    /// Begins to search if it is time to, and deletes what was found.
    pub(super) fn go_on(&mut self, store: &mut Store) -> Result<(), rusqlite::Error> {
        if let Some(search) = &self.search {
            let found = search.found.try_recv();
            if !matches!(found, Err(TryRecvError::Empty)) {
                self.end();
            }
            return found.map_or(Ok(()), |unused| store.delete(&unused));
        }
        if Instant::now() < self.next {
            return Ok(());
        }
        self.next = Instant::now() + DAY;
        store.watch_use();
        self.search = Search::begin(store.path());
        Ok(())
    }

    /// Gives a search up.
    pub(super) fn end(&mut self) {
        if let Some(search) = self.search.take() {
            search.interrupt.interrupt();
            // Its panic, if it had one, has been printed.
            let _ = search.thread.join();
        }
    }
}

impl Search {
    /// `None`: it cannot be made now, and is not missed until tomorrow.
    fn begin(file: &Path) -> Option<Self> {
        let connection = unused::open(file).ok()?;
        let interrupt = connection.get_interrupt_handle();
        let (sender, found) = mpsc::channel();
        let search = move || {
            if let Ok(unused) = unused::find(&connection) {
                // Nobody waits for it at the end.
                let _ = sender.send(unused);
            }
        };
        let thread = thread::Builder::new().name("history-names".to_owned());
        Some(Self {
            found,
            interrupt,
            thread: thread.spawn(search).ok()?,
        })
    }
}
