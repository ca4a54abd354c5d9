//! The truth table: fault x state x method, measured.
//!
//! One experiment is one [`Scenario`] in a lab of its own, with all states and methods at once,
//! each as a connection between the same two hosts. The table is many experiments, some
//! at a time ([`run_all`]).

mod experiment;
mod forecast;
mod mark;
mod measure;
mod outcome;
pub mod picture;
mod prelude;
mod proof;
mod proxy;
mod report;
mod summary;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadpeer_sys::SysError;

use crate::error::LabError;
use crate::link::Link;
use crate::method::WatchFailed;
use crate::peer::Launch;
use crate::scenario::{Fate, Scenario};

pub use crate::link::{Ended, Life};
pub use experiment::deadline;
pub use outcome::{Cell, CellVerdict, Foretold, Outcome};
pub use summary::{Tally, tally};

/// How experiments are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The time in which a dead peer is to be noticed: at least 4 s.
    pub deadline: Duration,
    /// The seed of everything random on the wires.
    pub seed: u64,
    /// Whether the connections are of IPv6.
    pub ipv6: bool,
    /// How many experiments run at a time.
    pub at_once: usize,
    /// Where each experiment leaves captures of both hosts, in a folder of its name; `None`:
    /// nowhere.
    pub captures: Option<PathBuf>,
    /// How to start the peer's program.
    pub peer: Launch,
}

/// Why an experiment could not be made. Nothing of this says anything about a method.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The lab, or the peer's program in it.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A system call.
    #[error(transparent)]
    Call(#[from] SysError),
    /// A method.
    #[error(transparent)]
    Method(#[from] WatchFailed),
    /// A connection.
    #[error("{what}: {source}")]
    Connection {
        /// What was done.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel's settings or sockets could not be read.
    #[error("{0}")]
    Kernel(String),
    /// The connections did not get into their states.
    #[error("after {after:?} there is still a connection {what}")]
    NotReady {
        /// How long it was waited for.
        after: Duration,
        /// What is missing.
        what: String,
    },
    /// A method gave alarm before anything had happened, to connections without a past.
    #[error("{method} gave alarm in state {state} before the fault: {words}")]
    TooEarly {
        /// The method.
        method: &'static str,
        /// The state.
        state: &'static str,
        /// What it said.
        words: String,
    },
    /// The caller wanted it to end.
    #[error("interrupted")]
    Interrupted,
    /// The deadline is too short for whole seconds of keepalive.
    #[error("a deadline of {0:?}; the methods need at least 4 s")]
    Deadline(Duration),
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The method's name.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Its settings in words.
    pub settings: String,
}

/// What came out of one scenario.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Experiment {
    /// The scenario's name.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// Its sentence.
    pub sentence: String,
    /// What had become of the peer.
    pub peer: Fate,
    /// The deadline, seconds.
    pub deadline_s: f64,
    /// The methods that watched.
    pub methods: Vec<Column>,
    /// Methods that cannot be had on this kernel, with the reason.
    pub unavailable: Vec<(String, String)>,
    /// What proves that the fault bit, or that the peer lived on.
    pub proof: String,
    /// What was measured.
    pub cells: Vec<Cell>,
    /// What is wrong with the experiment itself: inert cells, wrong truths, unkept expectations.
    /// Empty: nothing.
    pub problems: Vec<String>,
    /// When the first step was done, since 1970: the clock of captures.
    pub struck_at: Duration,
    /// What became of our end of each connection.
    pub lives: Vec<Life>,
    /// The most that the wire delayed a packet beside what it was told, milliseconds.
    pub wire_lateness_ms: f64,
}

/// An experiment has ended, in one way or the other.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// Its scenario.
    pub scenario: &'a Scenario,
    /// Experiments that have ended.
    pub done: usize,
    /// All of them.
    pub of: usize,
    /// Why it could not be made, if so.
    pub error: Option<&'a ExperimentError>,
}

/// Runs scenarios, some at a time, and gives the results in their order.
pub fn run_all(
    scenarios: &[Scenario],
    settings: &Settings,
    progress: impl Fn(Progress<'_>) + Sync,
) -> Vec<Result<Experiment, ExperimentError>> {
    run_until(scenarios, settings, &AtomicBool::new(false), progress)
}

/// As [`run_all`], until `interrupted` is set: then every experiment that has not ended is
/// [`ExperimentError::Interrupted`], and cleans up after itself.
pub fn run_until(
    scenarios: &[Scenario],
    settings: &Settings,
    interrupted: &AtomicBool,
    progress: impl Fn(Progress<'_>) + Sync,
) -> Vec<Result<Experiment, ExperimentError>> {
    let next = AtomicUsize::new(0);
    // Locked while one is told of, so that they are told of in order.
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..settings.at_once.clamp(1, scenarios.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(place) else {
                        return;
                    };
                    let result = experiment::run(scenario, settings, interrupted);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    progress(Progress {
                        scenario,
                        done: results.len() + 1,
                        of: scenarios.len(),
                        error: result.as_ref().err(),
                    });
                    results.push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}
