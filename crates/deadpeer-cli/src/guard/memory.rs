//! What the guard remembers: each death that it hears of.

use std::path::Path;

use deadpeer_guard::Event;
use deadpeer_guard::metrics::HistoryReading;
use deadpeer_history::{Bounds, Damaged, Recorder};
use deadpeer_report::plural::plural;
use tracing::warn;

use crate::exit::Stop;

/// A history, if there is to be one.
pub(super) struct Memory {
    recorder: Option<Recorder>,
    /// Deaths that the kernel had to drop, as far as they were counted.
    unseen: u64,
}

impl Memory {
    /// Opens or makes the file. One that is damaged is moved aside.
    pub(super) fn begin(file: Option<&Path>) -> Result<Self, Stop> {
        let start = |file: &Path| {
            if let Some(folder) = file.parent() {
                // Why it cannot be made is what opening the file says.
                let _ = std::fs::create_dir_all(folder);
            }
            Recorder::start(file, Damaged::MoveAside, Bounds::default())
        };
        let recorder = file.map(start).transpose();
        let memory = Self {
            recorder: recorder.map_err(|error| Stop::from_error(&error))?,
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
            troubles.iter().for_each(|trouble| warn!("{trouble}"));
            if status.lost > 0 {
                let deaths = plural(status.lost, "death");
                warn!("the history lacks {deaths} that could not be seen or written");
            }
        }
    }

    /// Says what went wrong with the file since the last time.
    pub(super) fn tell(&self) {
        let troubles = self.recorder.as_ref().map(Recorder::troubles);
        for trouble in troubles.into_iter().flatten() {
            warn!("{trouble}");
        }
    }
}
