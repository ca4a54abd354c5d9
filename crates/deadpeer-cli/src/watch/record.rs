//! Deaths are remembered in a file.

#![allow(
    clippy::print_stderr,
    reason = "what happens to the file is for people, and stdout is for what was asked for"
)]

use std::path::Path;

use deadpeer_history::{Bounds, Damaged, Recorder};
use deadpeer_host::deaths::Death;
use deadpeer_report::plural::plural;
use deadpeer_report::sanitize::sanitize;

use crate::exit::Stop;

/// A file to remember them in, if one was asked for.
pub(super) struct Record {
    recorder: Option<Recorder>,
    /// Deaths lost that have been counted in it.
    lost: u64,
}

impl Record {
    pub(super) fn begin(file: Option<&Path>) -> Result<Self, Stop> {
        let start = |file| Recorder::start(file, Damaged::Refuse, Bounds::default());
        let recorder = file.map(start).transpose()?;
        Ok(Self { recorder, lost: 0 })
    }

    pub(super) fn take(&self, death: &Death) {
        if let Some(recorder) = &self.recorder {
            recorder.record(death);
        }
    }

    /// Of which so many were lost so far.
    pub(super) fn lost(&mut self, lost: Option<u64>) {
        let lost = lost.unwrap_or(0);
        if let Some(recorder) = &self.recorder {
            recorder.lost(lost.saturating_sub(self.lost));
            self.lost = lost.max(self.lost);
        }
    }

    /// Says what went wrong with the file since the last time.
    pub(super) fn tell(&self) {
        let troubles = self.recorder.as_ref().map(Recorder::troubles);
        for trouble in troubles.into_iter().flatten() {
            remark!("{}.", sanitize(&trouble.to_string()));
        }
    }

    /// Writes what is left.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        let Some(recorder) = self.recorder.take() else {
            return Ok(());
        };
        let (status, _) = recorder.finish();
        match status.unwritable {
            None => Ok(()),
            Some(why) => Err(Stop::because(format!(
                "{} could not be recorded: {why}",
                plural(status.lost, "death")
            ))),
        }
    }
}
