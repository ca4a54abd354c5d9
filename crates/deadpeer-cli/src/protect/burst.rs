//! Connections within this machine that must not all probe in the same tick: what is said about
//! them, and how far it has come.

use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use deadpeer_host::protect::{LoopbackBurst, Progress, Survey};
use deadpeer_report::Gap;
use deadpeer_report::duration::Upper;
use deadpeer_sys::signals::{Interruption, Second};

use crate::drive::interruption;
use crate::exit::Stop;

/// How a burst will be changed, or why it will not be.
pub(super) fn gap(burst: &LoopbackBurst, survey: &Survey, force: bool) -> Gap {
    match burst.fits() || force {
        true => Gap::InBatches {
            burst: burst.into(),
            takes: survey.takes(burst, Instant::now()),
        },
        false => Gap::TooManyInOneTick(burst.into()),
    }
}

/// Shows on a terminal how far it has come, and notes signals, which end it between two batches.
pub(super) struct Waiting {
    interruption: Interruption,
    shown: bool,
}

impl Waiting {
    /// Where nothing has to wait, it is done before a signal is heeded.
    pub(super) fn begin() -> Result<Self, Stop> {
        Ok(Self {
            interruption: interruption(Second::IsNoted)?,
            shown: io::stderr().is_terminal(),
        })
    }

    pub(super) fn interruption(&self) -> &Interruption {
        &self.interruption
    }

    pub(super) fn show(&self, progress: Progress) {
        let (done, of) = (progress.done, progress.of);
        let left = Duration::from_secs(progress.left.as_secs());
        self.line(&format!(
            "{done} of {of} sockets done, {} left",
            Upper(left)
        ));
    }

    pub(super) fn end(&self) {
        self.line("");
    }

    fn line(&self, text: &str) {
        if self.shown {
            // Back to the start of the line, which is then empty (ECMA-48 EL). Progress is no
            // reason to fail.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }
}
