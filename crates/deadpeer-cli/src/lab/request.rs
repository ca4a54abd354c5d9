//! What is asked of the lab, and how the command line says it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use deadpeer_lab::scenario::{self, Scenario};
use deadpeer_lab::state::State;

use crate::configuration::whole_file;
use crate::exit::Stop;
use crate::flags::DeadlineArgs;
use crate::output::OutputArgs;

/// Try every way to notice a dead peer against every fault, on simulated hosts
///
/// Hosts are network namespaces, connected by a wire that deadpeer runs itself. Needs no privilege
/// where unprivileged user namespaces are allowed, doesn't touch this machine's network, and leaves
/// nothing behind.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = false,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_long_help = EXAMPLES
)]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    work: Work,
}

const EXAMPLES: &str = "\
Examples:
  deadpeer lab list
  deadpeer lab run my.toml
  deadpeer lab matrix --within 24s

Exit codes:
  0  every scenario proves what it should, and every forecast came true
  1  one does not: its fault had no effect, a live peer was lost, an expectation was not met, or a
     forecast did not come true
  2  usage or run-time error";

#[derive(Debug, Subcommand)]
enum Work {
    /// List the scenarios
    List,
    /// Run scenarios by name, or from a file of your own: deadpeer lab run power-off my.toml
    #[command(after_long_help = EXAMPLES)]
    Run(RunArgs),
    /// Run all scenarios and print the whole table
    #[command(after_long_help = EXAMPLES)]
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
    pub(super) scenarios: Vec<Scenario>,
    pub(super) within: Duration,
    pub(super) jobs: usize,
    pub(super) seed: u64,
    pub(super) ipv6: bool,
    /// Where captures and a page go.
    pub(super) pcap: Option<PathBuf>,
    pub(super) html: Option<PathBuf>,
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
        let text = whole_file(&path).map_err(|error| {
            Stop::because(format!(
                "no scenario is called {name} (see 'deadpeer lab list'), and as a file: {error}"
            ))
        })?;
        let text = String::from_utf8_lossy(&text);
        Scenario::parse(&stem.unwrap_or_default(), &text)
            .map_err(|error| Stop::because(error.to_string()))
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

/// The scenarios that come with deadpeer.
pub(super) fn library() -> Result<Vec<Scenario>, Stop> {
    scenario::library().map_err(Stop::because)
}
