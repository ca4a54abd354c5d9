//! How far the test is: a line on stderr for each case that is over and, on a terminal, how long
//! the rest will take.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpeer_lab::trial::{Case, CaseVerdict, Failure, Living, Outcome, Progress};
use deadpeer_report::duration::{self, Upper};
use deadpeer_report::sanitize::sanitize;

use super::words::names;
use crate::output::Output;

/// What a test takes beside its deadline.
const ASIDE: Duration = Duration::from_secs(4);

/// How often the time that is left is said again.
const TICK: Duration = Duration::from_secs(1);

/// Results, and below them one line that is written over again.
pub(super) struct Bar {
    within: Duration,
    began: Instant,
    terminal: bool,
    /// Whether results are.
    shown: bool,
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    /// The last line.
    doing: String,
    /// When the cases began, and so when they will be over.
    listening: Option<Instant>,
    over: bool,
}

impl Bar {
    /// Beside JSON lines only a terminal is told.
    pub(super) fn new(within: Duration, output: Output) -> Self {
        let terminal = io::stderr().is_terminal();
        Self {
            within,
            began: Instant::now(),
            terminal,
            shown: terminal || matches!(output, Output::Text(_)),
            state: Mutex::new(State {
                doing: String::new(),
                listening: None,
                over: false,
            }),
            ended: Condvar::new(),
        }
    }

    /// Says what was reached.
    pub(super) fn show(&self, step: Progress<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Progress::Starting => state.doing = "starting the server".to_owned(),
            Progress::Listening { address, cases } => {
                state.listening = Some(Instant::now());
                state.doing = format!("{cases} cases with the server at {address}");
            }
            Progress::Done { outcome, cases, of } => {
                self.say(&result(outcome, self.within));
                state.doing = format!("{cases} of {of} cases done");
            }
            _ => {}
        }
        self.draw(&state);
    }

    /// Says each second how much time is left, until the [end](Self::end).
    pub(super) fn tick(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.over {
            self.draw(&state);
            let waited = self.ended.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes room for the report.
    pub(super) fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.over = true;
        self.ended.notify_all();
        self.over_again("");
    }

    fn say(&self, result: &str) {
        if !self.shown {
            return;
        }
        self.over_again("");
        let seconds = self.began.elapsed().as_secs();
        let _ = writeln!(io::stderr(), "{seconds:>4} s  {}", sanitize(result));
    }

    fn draw(&self, state: &State) {
        let left = state.listening.map(|at| {
            let left = (self.within + ASIDE).saturating_sub(at.elapsed());
            format!(", about {} s left", left.as_secs())
        });
        self.over_again(&format!("{}{}", state.doing, left.unwrap_or_default()));
    }

    /// Only a terminal can take a line back.
    fn over_again(&self, text: &str) {
        if self.terminal {
            // Back to the start of the line, which is then empty (ECMA-48 EL). Progress is no
            // reason to fail.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }
}

/// What came of a case, in one line.
fn result(outcome: &Outcome, within: Duration) -> String {
    let (client, state) = names(outcome.case);
    let words = match &outcome.verdict {
        CaseVerdict::Passed { after: None, .. } => "passed".to_owned(),
        CaseVerdict::Passed {
            after: Some(after), ..
        } => format!("passed, closed after {}", Upper(*after)),
        CaseVerdict::Failed(Failure::Dropped { after, by })
            if outcome.case == Case::Live(Living::Untouched) =>
        {
            format!("closed by {by} after {}", Upper(*after))
        }
        CaseVerdict::Failed(Failure::Dropped { after, by }) => {
            format!("dropped by {by} after {}", Upper(*after))
        }
        CaseVerdict::Failed(_) => format!("failed, not in {}", duration::typed(within)),
        CaseVerdict::Unclear { why } => format!("can't tell: {why}"),
        CaseVerdict::Skipped { why } => format!("skipped: {why}"),
        CaseVerdict::Foretold | _ => "not tried".to_owned(),
    };
    format!("{client} {state}: {words}")
}
