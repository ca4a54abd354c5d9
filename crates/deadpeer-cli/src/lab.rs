//! `deadpeer lab`: every fault, every state and every method, measured on this kernel.

mod json;
mod page;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use deadpeer_core::Supervision;
use deadpeer_lab::enclosure;
use deadpeer_lab::matrix::{self, Experiment, ExperimentError, Progress, Settings};
use deadpeer_lab::peer::{self, Launch};
use deadpeer_lab::scenario::{self, Scenario};
use deadpeer_lab::state::State;
use deadpeer_report::sanitize::sanitize;
use deadpeer_sys::signals::Second;

use crate::drive::interruption;
use crate::enclosed;
use crate::exit::{Exit, Stop};
use crate::flags::DeadlineArgs;
use crate::output::{Output, OutputArgs};
use crate::supervised;

/// Try every way to notice a dead peer against every fault, on simulated hosts
///
/// Hosts are network namespaces, connected by a wire that deadpeer runs itself. Needs no privilege
/// where unprivileged user namespaces are allowed, doesn't touch this machine's network, and leaves
/// nothing behind.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = false,
    subcommand_value_name = "VERB"
)]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// List the scenarios
    List,
    /// Run scenarios by name, or from a file of your own: deadpeer lab run power-off my.toml
    ///
    /// Exits with 1 if a scenario proves nothing: the fault had no effect, a live peer was lost, or
    /// an expectation was not met.
    Run(RunArgs),
    /// Run all scenarios and print the whole table
    ///
    /// Exits with 1 if a cell is missing or its fault had no effect, or if a forecast did not come
    /// true.
    Matrix(MatrixArgs),
    /// The peer's program
    #[command(hide = true)]
    Peer,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Names of scenarios (deadpeer lab list) or files
    #[arg(required = true, value_name = "NAME|FILE")]
    scenarios: Vec<String>,
    /// Only in these states: idle, sending, zero-window, ...
    #[arg(long, value_name = "STATE,...", value_delimiter = ',', value_parser = state)]
    state: Vec<State>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct MatrixArgs {
    /// Write an HTML page with the table as a picture and all detection times
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
#[command(mut_arg("within", |within| within.required(false).default_value("24s")))]
struct Common {
    #[command(flatten)]
    deadline: DeadlineArgs,
    /// Number of scenarios to run at a time
    #[arg(long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// Seed of everything random on the wire
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Connect over IPv6
    #[arg(long)]
    ipv6: bool,
    /// Write what each host sends and receives to DIR/SCENARIO/HOST.pcapng
    #[arg(long, value_name = "DIR")]
    pcap: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

fn state(name: &str) -> Result<State, String> {
    let known = State::ALL.into_iter().find(|state| state.name() == name);
    known.ok_or_else(|| format!("there are {}", State::ALL.map(State::name).join(", ")))
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Request {
    List,
    /// To be the program of a peer.
    Peer,
    Measure(Box<Measure>),
}

/// Scenarios to run.
#[derive(Debug)]
pub(crate) struct Measure {
    scenarios: Vec<Scenario>,
    within: Duration,
    jobs: usize,
    seed: u64,
    ipv6: bool,
    /// Where captures and a page go.
    pcap: Option<PathBuf>,
    html: Option<PathBuf>,
}

impl LabArgs {
    /// As plain values, once scenarios have been read.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        let measure = match &self.work {
            Work::List => return Ok(Request::List),
            Work::Peer => return Ok(Request::Peer),
            Work::Run(args) => args.common.measure(args.scenarios()?),
            Work::Matrix(args) => {
                let mut scenarios = library()?;
                scenarios.retain(Scenario::is_in_matrix);
                Measure {
                    html: args.html.clone(),
                    ..args.common.measure(scenarios)
                }
            }
        };
        Ok(Request::Measure(Box::new(measure)))
    }

    /// How what was measured is printed.
    pub(crate) fn output(&self) -> OutputArgs {
        match &self.work {
            Work::List | Work::Peer => OutputArgs::default(),
            Work::Run(args) => args.common.output,
            Work::Matrix(args) => args.common.output,
        }
    }
}

/// Lists, runs or is the peer.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    match (request, output) {
        (Request::List, Output::Text(look)) => {
            words::list(&library()?, look, out)?;
            Ok(Exit::Yes)
        }
        (Request::List, Output::Json) => Ok(Exit::Yes),
        (Request::Peer, _) => {
            peer::serve().map_err(|error| Stop::because(format!("the lab's peer: {error}")))?;
            Ok(Exit::Yes)
        }
        (Request::Measure(measure), _) if enclosure::current().is_none() => {
            measure.check()?;
            enclosed::again()
        }
        (Request::Measure(measure), output) => {
            let measured = measure.run()?;
            let experiments = &measured.experiments;
            if let Some(file) = &measure.html {
                write_file(file, &page::page(experiments))?;
            }
            match output {
                Output::Text(look) => words::experiments(experiments, look, out)?,
                Output::Json => json::experiments(experiments, out)?,
            }
            measured.exit()
        }
    }
}

fn library() -> Result<Vec<Scenario>, Stop> {
    scenario::library().map_err(Stop::because)
}

impl RunArgs {
    fn scenarios(&self) -> Result<Vec<Scenario>, Stop> {
        let mut scenarios = Vec::new();
        for name in &self.scenarios {
            let mut scenario = self.scenario(name)?;
            if !self.state.is_empty() {
                let wanted: Vec<State> = scenario
                    .states()
                    .filter(|state| self.state.contains(state))
                    .collect();
                if wanted.is_empty() {
                    return Err(Stop::because(format!(
                        "{name} cannot happen in the states asked for"
                    )));
                }
                scenario.states = Some(wanted);
            }
            scenarios.push(scenario);
        }
        Ok(scenarios)
    }

    fn scenario(&self, name: &str) -> Result<Scenario, Stop> {
        if let Some(known) = scenario::named(name).map_err(Stop::because)? {
            return Ok(known);
        }
        let path = PathBuf::from(name);
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Stop::because(format!(
                "no scenario is called {name} (see 'deadpeer lab list'), and as a file: {error}"
            ))
        })?;
        Scenario::parse(&stem.unwrap_or_default(), &text)
            .map_err(|error| Stop::because(error.to_string().trim_end()))
    }
}

impl Common {
    fn measure(&self, scenarios: Vec<Scenario>) -> Measure {
        Measure {
            scenarios,
            within: self.deadline.within,
            jobs: self.jobs,
            seed: self.seed,
            ipv6: self.ipv6,
            pcap: self.pcap.clone(),
            html: None,
        }
    }
}

impl Measure {
    /// Whether it can be measured and written: better known before than after minutes. The folder
    /// of captures is made.
    fn check(&self) -> Result<(), Stop> {
        for scenario in &self.scenarios {
            matrix::deadline(scenario, self.within)
                .map_err(|error| Stop::because(format!("{}: {error}", scenario.name)))?;
        }
        let folder = self.html.as_deref().and_then(Path::parent);
        if let Some(folder) = folder
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            return Err(Stop::because(format!(
                "cannot write the page: there is no directory {}",
                folder.display()
            )));
        }
        if let Some(folder) = &self.pcap {
            std::fs::create_dir_all(folder).map_err(|error| {
                Stop::because(format!("cannot make {}: {error}", folder.display()))
            })?;
        }
        Ok(())
    }

    /// Runs the scenarios and shows on stderr how far it is. Interrupted, it gives those that have
    /// ended.
    fn run(&self) -> Result<Measured, Stop> {
        let interrupted = interruption(Second::IsNoted)?;
        let program = std::env::current_exe().map_err(Stop::because)?;
        let kernel = deadpeer_sys::running_kernel().map_err(|error| Stop::from_error(&error))?;
        let keeps = Supervision::within(self.within).keeps(&kernel);
        if let Some(doubt) = supervised::reservation(keeps, self.within) {
            eprintln!("deadpeer: supervised: {doubt}");
        }
        let settings = Settings {
            deadline: self.within,
            seed: self.seed,
            ipv6: self.ipv6,
            at_once: self.jobs,
            captures: self.pcap.clone(),
            peer: Launch {
                program: program.into(),
                arguments: vec!["lab".into(), "peer".into()],
                environment: Vec::new(),
            },
        };
        let start = Instant::now();
        let results =
            matrix::run_until(&self.scenarios, &settings, interrupted.flag(), |progress| {
                show(&progress, start);
            });
        let mut measured = Measured {
            experiments: Vec::new(),
            missing: 0,
        };
        for (result, scenario) in results.into_iter().zip(&self.scenarios) {
            match result {
                Ok(experiment) => measured.experiments.push(experiment),
                Err(ExperimentError::Interrupted) => measured.missing += 1,
                Err(error) => return Err(Stop::because(format!("{}: {error}", scenario.name))),
            }
        }
        Ok(measured)
    }
}

/// What an interruption cut off is told of at the end, all of it in a sentence.
fn show(progress: &Progress<'_>, start: Instant) {
    if let Progress::Ended {
        scenario,
        done,
        of,
        error,
    } = progress
        && !matches!(error, Some(ExperimentError::Interrupted))
    {
        let result = error.map_or_else(String::new, |error| format!(": {error}"));
        eprintln!(
            "{:>4} s  {done}/{of}  {}{}",
            start.elapsed().as_secs(),
            sanitize(&scenario.title),
            sanitize(&result)
        );
    }
}

/// What was measured before the end, or before an interruption.
struct Measured {
    experiments: Vec<Experiment>,
    /// Scenarios that an interruption cut off.
    missing: usize,
}

impl Measured {
    fn exit(&self) -> Result<Exit, Stop> {
        if self.missing > 0 {
            let all = self.experiments.len() + self.missing;
            return Err(Stop::interrupted(format!(
                "interrupted: {} of {all} scenarios were measured",
                self.experiments.len()
            )));
        }
        let sound = self.experiments.iter().all(|experiment| {
            experiment.problems.is_empty()
                && experiment
                    .cells
                    .iter()
                    .all(|cell| cell.forecast.as_ref().is_none_or(|foretold| foretold.holds))
        });
        Ok(if sound { Exit::Yes } else { Exit::No })
    }
}

fn write_file(path: &Path, text: &str) -> Result<(), Stop> {
    std::fs::write(path, text)
        .map_err(|error| Stop::because(format!("cannot write {}: {error}", path.display())))
}
