//! `deadpeer lab`: every fault, every state and every method, measured on this kernel.

mod json;
mod page;
mod request;
mod words;

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use deadpeer_core::Supervision;
use deadpeer_lab::enclosure;
use deadpeer_lab::matrix::{self, Experiment, ExperimentError, Progress, Settings};
use deadpeer_lab::peer::{self, Launch};
use deadpeer_report::sanitize::sanitize;
use deadpeer_sys::signals::Second;

use crate::drive::interruption;
use crate::enclosed;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use crate::supervised;
pub(crate) use request::{LabArgs, Request};
use request::{Measure, library};

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
        let kernel = deadpeer_sys::running_kernel()?;
        let keeps = Supervision::within(self.within).keeps(&kernel);
        if let Some(doubt) = supervised::reservation(keeps, self.within) {
            remark!("deadpeer: supervised: {doubt}");
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
    if matches!(progress.error, Some(ExperimentError::Interrupted)) {
        return;
    }
    let result = progress.error.map(|error| format!(": {error}"));
    remark!(
        "{:>4} s  {}/{}  {}{}",
        start.elapsed().as_secs(),
        progress.done,
        progress.of,
        sanitize(&progress.scenario.title),
        sanitize(&result.unwrap_or_default())
    );
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
