//! What the guard remembers: each death that it hears of.

use std::path::Path;

use deadpeer_guard::Event;
use deadpeer_guard::metrics::HistoryReading;
use deadpeer_history::{Bounds, Damaged, OpenError, Recorder, Trouble};
use deadpeer_report::plural::plural;
use tracing::{info, warn};

use crate::exit::Stop;
use crate::history::usual_file;

/// A history, if there is to be one.
pub(super) struct Memory {
    recorder: Option<Recorder>,
    /// Deaths that the kernel had to drop, as far as they were counted.
    unseen: u64,
}

impl Memory {
    /// Opens or makes the file. One that is damaged is moved aside. Where the usual one cannot be
    /// opened, or the disk is full, the guard guards all the same, and it is tried again.
    pub(super) fn begin(file: Option<&Path>) -> Result<Self, Stop> {
        let memory = Self {
            recorder: file.map(start).transpose()?,
            unseen: 0,
        };
        memory.tell();
        Ok(memory)
    }

    /// Takes what happened.
    pub(super) fn take(&self, event: &Event) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        match event {
            Event::Died(died) => {
                recorder.record(&died.death);
                self.tell();
            }
            Event::Survived(survived) => recorder.survived(survived.peer, survived.silence),
            Event::Judged(_) => {}
        }
    }

    /// Counts deaths that nobody saw: so many since the guard began.
    pub(super) fn unseen(&mut self, deaths: u64) {
        let more = deaths.saturating_sub(self.unseen);
        self.unseen = deaths;
        if let Some(recorder) = self.recorder.as_ref().filter(|_| more > 0) {
            recorder.lost(more);
        }
    }

    /// How the file is doing.
    pub(super) fn reading(&self) -> Option<HistoryReading> {
        let status = self.recorder.as_ref()?.status();
        Some(HistoryReading {
            records: status.records,
            bytes: status.bytes,
            lost: status.lost,
            is_unwritable: status.unwritable.is_some(),
        })
    }

    /// Writes what is left.
    pub(super) fn end(mut self) {
        self.tell();
        if let Some(recorder) = self.recorder.take() {
            let (status, troubles) = recorder.finish();
            troubles.iter().for_each(say);
            if status.lost > 0 {
                let deaths = plural(status.lost, "death");
                warn!("the history lacks {deaths} that could not be seen or written");
            }
        }
    }

    /// Says what went wrong with the file since the last time.
    pub(super) fn tell(&self) {
        let troubles = self.recorder.as_ref().map(Recorder::troubles);
        troubles.iter().flatten().for_each(say);
    }
}

fn start(file: &Path) -> Result<Recorder, OpenError> {
    let bounds = Bounds::default();
    match Recorder::start(file, Damaged::MoveAside, bounds) {
        // Another may be a slip of the keyboard.
        Err(error) if error.may_pass() || file == usual_file() => {
            Recorder::start_without(file, bounds, &error)
        }
        started => started,
    }
}

fn say(trouble: &Trouble) {
    match trouble {
        Trouble::Writable => info!("{trouble}"),
        Trouble::MovedAside(_) | Trouble::Gone | Trouble::Unwritable(_) => warn!("{trouble}"),
    }
}
