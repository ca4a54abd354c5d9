//! `deadpeer test`: does a server notice that its clients are gone? Named after the lab's `trial`:
//! tools take a folder `test` for tests.

mod json;
mod junit;
mod progress;
mod request;
mod speech;
mod words;

use std::io::Write;

use deadpeer_core::{Plan, Policy, Refusal};
use deadpeer_lab::trial::{CaseVerdict, Report, TrialError};
use deadpeer_sys::signals::Second;

use crate::drive::interruption;
use crate::enclosed;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use crate::remedy::{Remedies, Remedy};
pub(crate) use request::{Request, TestArgs};

/// Holds the trial in an enclosure and reports.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    if deadpeer_lab::enclosure::current().is_none() {
        return enclosed::again();
    }
    let interrupted = interruption(Second::IsNoted)?;
    let progress = progress::Bar::new(request.within, output);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| progress.tick());
        let report = request
            .trial
            .run(interrupted.flag(), |step| progress.show(step));
        progress.end();
        report
    });
    let report = match report {
        Ok(report) => report,
        Err(error) if matches!(error, TrialError::Interrupted) => {
            return Err(Stop::interrupted(error));
        }
        Err(error) => return Err(Stop::because(error)),
    };
    let plan = request.plan(&report);
    if let Some(file) = &request.junit {
        junit::write(request.within, &report, file)?;
    }
    match output {
        Output::Text(look) => {
            words::report(
                request.within,
                &report,
                &plan,
                &request
                    .remedy(&report, |remedy| remedy.notes())
                    .unwrap_or_default(),
                look,
                out,
            )?;
        }
        Output::Json => {
            let remedy = request.remedy(&report, |remedy| remedy.record());
            json::report(request.within, &report, &plan, remedy, out)?;
        }
    }
    out.flush()?;
    match report.interrupted {
        true => Err(interruption_of(&report)),
        false => Ok(exit(&report)),
    }
}

impl Request {
    /// What would keep the deadline.
    fn plan(&self, report: &Report) -> Result<Plan, Refusal> {
        let policy = Policy::detect_within(self.within).slow_readers(self.slow_readers);
        let policy = match self.trial.middlebox {
            Some(limit) => policy.middlebox(limit),
            None => policy,
        };
        policy.plan(&report.kernel)
    }

    /// Something of what to write for the server, where it failed and is known.
    fn remedy<T>(&self, report: &Report, tell: impl FnOnce(&Remedy<'_>) -> T) -> Option<T> {
        let server = self.trial.server.first()?;
        let mut remedies = Remedies::new(self.within, report.kernel);
        let remedy = remedies.of_command(server, self.trial.port);
        remedy.filter(|_| report.failed()).as_ref().map(tell)
    }
}

/// How much was measured until then.
fn interruption_of(report: &Report) -> Stop {
    let tried = || report.outcomes.iter().filter(|outcome| outcome.was_tried());
    let over = tried().filter(|outcome| !matches!(outcome.verdict, CaseVerdict::Unclear { .. }));
    Stop::interrupted(format!(
        "interrupted: {} of {} cases came to an answer",
        over.count(),
        tried().count()
    ))
}

/// Failed before unclear: a failure is certain.
fn exit(report: &Report) -> Exit {
    match (report.failed(), report.unclear()) {
        (true, _) => Exit::No,
        (false, true) => Exit::Unknown,
        (false, false) => Exit::Yes,
    }
}
