//! Tasks that run the lab: each is a process inside an enclosure, and the peer's program, which is
//! xtask itself, told by `--peer`.

use anyhow::{Context as _, Result};
use deadpeer_lab::enclosure;
use deadpeer_lab::peer::{self, Launch};

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

/// Every connection takes a handful.
pub(crate) fn raise_the_limit_of_descriptors() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("setrlimit(RLIMIT_NOFILE)")
}
