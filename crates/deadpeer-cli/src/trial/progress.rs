//! How far the test is, on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use deadpeer_lab::trial::Progress;
use deadpeer_report::duration::Upper;

/// One line on stderr that is written over again. Elsewhere than on a terminal nothing is said.
pub(super) struct Bar {
    within: Duration,
    shown: bool,
}

impl Bar {
    pub(super) fn new(within: Duration) -> Self {
        Self {
            within,
            shown: io::stderr().is_terminal(),
        }
    }

    pub(super) fn show(&self, step: Progress) {
        let text = match step {
            Progress::Starting => "starting the server".to_owned(),
            Progress::Listening { address, cases } => format!(
                "{cases} cases with the server at {address}, about {}",
                Upper(self.within + Duration::from_secs(4))
            ),
            Progress::Done { cases, of } => format!("{cases} of {of} cases done"),
            _ => return,
        };
        self.line(&text);
    }

    pub(super) fn clear(&self) {
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
