//! The peer's program of tasks that run the lab: xtask itself, told by `--peer`.

use anyhow::Result;
use deadpeer_lab::peer::Launch;

/// How to start it for a task, which must know `--peer`.
pub(crate) fn launch(task: &str) -> Result<Launch> {
    Ok(Launch {
        program: std::env::current_exe()?.into(),
        arguments: vec![task.into(), "--peer".into()],
        environment: Vec::new(),
    })
}
