//! Deaths come at any rate, and the disk may be slow: a thread writes them, in batches.

mod queue;
mod upkeep;
mod writer;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use deadpeer_host::deaths::Death;

use crate::bounds::Bounds;
use crate::open::{Damaged, OpenError, Trouble};
use queue::Queue;
use writer::Writer;

/// Takes deaths and writes them. Dropped, it writes what it still has, as
/// [`finish`](Recorder::finish) does.
#[derive(Debug)]
pub struct Recorder {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

/// How a history is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Deaths in the file, of earlier runs too.
    pub records: u64,
    /// Bytes on disk, the log beside the file included.
    pub bytes: u64,
    /// Deaths that wait to be written.
    pub waiting: u64,
    /// Deaths of this run that will never be in it: those that were reported as lost, and those
    /// that could not be written.
    pub lost: u64,
    /// Why it cannot be written; `None`: it can.
    pub unwritable: Option<String>,
}

impl Recorder {
    /// Opens or makes the file, reads all of it to see whether it is sound, and starts the thread.
    ///
    /// # Errors
    /// The file cannot be written, and nothing is recorded.
    pub fn start(path: &Path, damaged: Damaged, bounds: Bounds) -> Result<Self, OpenError> {
        let mut writer = Writer::new(path, bounds);
        writer.begin(damaged)?;
        Self::run(writer, path)
    }

    /// Starts the thread although the file could not be opened, which is tried again each second:
    /// what happens until then is written then. For a daemon, which goes on whatever becomes of its
    /// history.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn start_without(path: &Path, bounds: Bounds, why: &OpenError) -> Result<Self, OpenError> {
        let mut writer = Writer::new(path, bounds);
        writer.unwritable_because(why.to_string());
        Self::run(writer, path)
    }

    fn run(writer: Writer, path: &Path) -> Result<Self, OpenError> {
        let queue = writer.queue();
        let thread = thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::Make {
                path: path.to_owned(),
                error,
            })?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Takes a death; one in order ([`Death::is_ordinary`]) is counted. Never waits for the disk.
    /// Where more come than can be written, the surplus is counted as lost.
    pub fn record(&self, death: &Death) {
        match death.is_ordinary() {
            true => self.queue.close(),
            false => self.queue.push(death),
        }
    }

    /// Counts deaths that nobody could see, such as those the kernel lost.
    pub fn lost(&self, deaths: u64) {
        self.queue.lose(deaths, "unseen");
    }

    /// Notes that this peer, silent for so long, gave a sign of life.
    pub fn survived(&self, peer: IpAddr, silence: Duration) {
        self.queue.survive(peer, silence);
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.queue.status()
    }

    /// What went wrong since the last time this was asked, each once.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        self.queue.troubles()
    }

    /// Writes what is left, and says how it ended.
    #[must_use]
    pub fn finish(mut self) -> (Status, Vec<Trouble>) {
        self.stop();
        (self.status(), self.troubles())
    }

    fn stop(&mut self) {
        self.queue.end();
        if let Some(thread) = self.thread.take() {
            // Its panic, if it had one, has been printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop();
    }
}
