//! The truth table: fault x state x method, measured.
//!
//! One experiment is one [`Scenario`] in a lab of its own, with all states and methods at once,
//! each as a connection between the same two hosts ([`run`]). The table is many experiments, some
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

use crate::fault::PathError;
use crate::host::HostError;
use crate::lab::LabError;
use crate::link::Link;
use crate::method::WatchFailed;
use crate::peer::{Launch, PeerError};
use crate::scenario::{Fate, Scenario};
use crate::wire::WireError;

pub use crate::link::{Ended, Life};
pub use experiment::{deadline, run};
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
    /// The lab.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The wire.
    #[error("wire: {0}")]
    Wire(#[from] WireError),
    /// A step.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The peer's program.
    #[error(transparent)]
    Peer(#[from] PeerError),
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

/// What happens while a matrix is filled.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// An experiment begins.
    Started {
        /// The scenario.
        scenario: &'a Scenario,
    },
    /// An experiment has ended, in one way or the other.
    Ended {
        /// The scenario.
        scenario: &'a Scenario,
        /// Experiments that have ended.
        done: usize,
        /// All of them.
        of: usize,
        /// Why it could not be made, if so.
        error: Option<&'a ExperimentError>,
    },
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
    // Held while one is told of, so that they are told of in order.
    let done = Mutex::new(0);
    let results: Vec<Mutex<Option<Result<Experiment, ExperimentError>>>> =
        scenarios.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..settings.at_once.clamp(1, scenarios.len().max(1)) {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    progress(Progress::Started { scenario });
                    let result = experiment::run_until(scenario, settings, interrupted);
                    {
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        *done += 1;
                        progress(Progress::Ended {
                            scenario,
                            done: *done,
                            of: scenarios.len(),
                            error: result.as_ref().err(),
                        });
                    }
                    let place = scenarios.iter().position(|one| std::ptr::eq(one, scenario));
                    if let Some(Ok(mut slot)) = place.map(|place| results[place].lock()) {
                        *slot = Some(result);
                    }
                }
            });
        }
    });
    results
        .into_iter()
        .filter_map(|slot| slot.into_inner().ok().flatten())
        .collect()
}
