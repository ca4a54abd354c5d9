//! Tasks that run the lab: each is a process inside an enclosure, and the peer's program, which is
//! xtask itself, told by `--peer`.

use anyhow::{Context as _, Result};
use deadpeer_lab::enclosure;
use deadpeer_lab::matrix::{Experiment, Settings, run_all};
use deadpeer_lab::peer::{self, Launch};
use deadpeer_lab::scenario::Scenario;

/// What came of the task, if its work is not this process' own: it is the peer's program, or stood
/// outside of an enclosure and has run the task inside of one.
pub(crate) fn done_elsewhere(as_peer: bool) -> Result<Option<bool>> {
    if as_peer {
        peer::serve()?;
        return Ok(Some(true));
    }
    match enclosure::current() {
        Some(_) => Ok(None),
        None => Ok(Some(enclosure::run(std::env::args_os().skip(1))?.success())),
    }
}

/// How to start the peer's program for a task, which must know `--peer`.
pub(crate) fn launch(task: &str) -> Result<Launch> {
    Ok(Launch {
        program: std::env::current_exe()?.into(),
        arguments: vec![task.into(), "--peer".into()],
        environment: Vec::new(),
    })
}

/// Runs scenarios, and tells on standard error how far it is. Where one fails, all do.
pub(crate) fn measure(scenarios: &[Scenario], settings: &Settings) -> Result<Vec<Experiment>> {
    let results = run_all(scenarios, settings, |progress| {
        let (done, of) = (progress.done, progress.of);
        eprintln!("{done}/{of} scenarios: {}", progress.scenario.name);
    });
    let experiments = results.into_iter().zip(scenarios);
    experiments
        .map(|(result, scenario)| result.with_context(|| scenario.name.clone()))
        .collect()
}

/// Every connection takes a handful.
pub(crate) fn raise_the_limit_of_descriptors() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("setrlimit(RLIMIT_NOFILE)")
}
