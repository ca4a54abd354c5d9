//! Protecting connections that are still to come: a rule pinned to a cgroup, which outlives whoever
//! made it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deadpeer_bpf::{CallError, Engine, PinError, Pinned, Rule, Unavailable, cgroup, pinned};
use deadpeer_core::Plan;

/// Where the BPF file system is mounted, if it is.
const BPFFS: &str = "/sys/fs/bpf";

/// Connections still to come could not be protected, or that could not be ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewConnectionsError {
    /// This machine, or our privilege, does not allow it. Nothing was changed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// There is no such cgroup (of version 2).
    #[error("cgroup {}: {error}", path.display())]
    Cgroup {
        /// Its path below the root.
        path: PathBuf,
        /// What went wrong.
        error: CallError,
    },
    /// The rule could not be kept, or not be removed.
    #[error(transparent)]
    Pin(#[from] PinError),
}

/// A rule that holds in a cgroup, and where that is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The rule.
    pub pinned: Pinned,
    /// The cgroup, by its path below the root; `None` if it is gone.
    pub cgroup: Option<PathBuf>,
}

/// What a plan asks of connections still to come. What an application sets itself stays where it is
/// as soon as the plan's.
#[must_use]
pub fn rule(plan: &Plan, keep_app_settings: bool) -> Rule {
    let options = plan.options();
    let seconds = |s: Option<u32>| Duration::from_secs(s.unwrap_or(0).into());
    let idle =
        seconds(options.keepidle_s) + seconds(options.keepintvl_s) * options.keepcnt.unwrap_or(0);
    let busy = match options.user_timeout_ms {
        Some(ms) if ms > 0 => Duration::from_millis(ms.into()),
        Some(_) | None => idle,
    };
    let mut rule = Rule::new(*options, idle, busy);
    rule.keep_app_settings = keep_app_settings;
    rule
}

/// Makes a rule hold for every connection of a cgroup and those below it (`/`: of the whole
/// machine, containers included) that begins from now on, under a name by which it can be
/// [listed](standing) and ended. Takes `CAP_BPF` and `CAP_NET_ADMIN`, Linux 6.1, and a mounted BPF
/// file system.
///
/// # Errors
/// Nothing holds then.
pub fn protect(
    cgroup_path: &Path,
    rule: &Rule,
    name: &str,
) -> Result<Standing, NewConnectionsError> {
    let cgroup = cgroup::open(cgroup::root()?, cgroup_path).map_err(|error| {
        NewConnectionsError::Cgroup {
            path: cgroup_path.to_owned(),
            error,
        }
    })?;
    // Its clock is not looked at here.
    let engine = Engine::open(1)?;
    let protection = engine.protect(cgroup, rule)?;
    Ok(Standing {
        pinned: protection.pin(Path::new(BPFFS), name)?,
        cgroup: Some(cgroup_path.to_owned()),
    })
}

/// Every rule that holds, or is left of one that was killed while it was being made; none where
/// there is no BPF file system.
///
/// # Errors
/// They can't be read: takes root.
pub fn standing() -> Result<Vec<Standing>, NewConnectionsError> {
    let pinned = match pinned(Path::new(BPFFS)) {
        Err(PinError::NoBpffs { .. }) => return Ok(Vec::new()),
        pinned => pinned?,
    };
    if pinned.is_empty() {
        return Ok(Vec::new());
    }
    let root: Option<OwnedFd> = cgroup::root().ok();
    let found = pinned.into_iter().map(|pinned| Standing {
        cgroup: root
            .as_ref()
            .zip(pinned.cgroup)
            .and_then(|(root, id)| cgroup::path_of(root, id)),
        pinned,
    });
    Ok(found.collect())
}
