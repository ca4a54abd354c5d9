//! Protecting connections that are still to come: a rule pinned to a cgroup, which outlives whoever
//! made it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use deadpeer_bpf::Rule;
use deadpeer_bpf::{
    CallError, Engine, Keepalive, PinError, Pinned, Unavailable, Way, cgroup, pinned,
};
use deadpeer_core::{Effective, Forecast, Policy, Silence, SocketOptions};

use super::Aim;

/// Where the BPF file system is mounted, if it is.
const BPFFS: &str = "/sys/fs/bpf";

/// Connections still to come could not be protected, or that could not be ended.
#[derive(Debug, thiserror::Error)]
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
pub struct Standing {
    /// The rule.
    pub pinned: Pinned,
    /// The cgroup, by its path below the root; `None` if it is gone.
    pub cgroup: Option<PathBuf>,
}

impl Standing {
    /// Whether this rule holds in this cgroup, as this version makes it.
    #[must_use]
    pub fn is(&self, rule: &Rule, cgroup: &Path) -> bool {
        let pinned = &self.pinned;
        let place = pinned.cgroup.and(self.cgroup.as_deref());
        !pinned.outdated && pinned.rule.as_ref() == Some(rule) && place == Some(cgroup)
    }
}

/// The name of a rule that holds and sets these options on new connections, if one does.
pub(super) fn that_sets(options: &SocketOptions) -> Option<String> {
    let its = |rule: &Rule| {
        let sets = rule.calm.options;
        let mut options = options.settings();
        options.all(|set| sets.get(set.option) == Some(set.value))
    };
    let standing = standing().ok()?.into_iter();
    let mut pinned = standing.map(|it| it.pinned);
    let found = pinned.find(|it| it.cgroup.is_some() && it.rule.as_ref().is_some_and(its));
    found.map(|it| it.name)
}

/// What a deadline asks of connections still to come, and of what their programs set on them.
#[must_use]
pub fn rule(aim: &Aim, keep_app_settings: bool) -> Rule {
    let plan = aim.plan();
    let survive = plan.policy().survives();
    let calm = Way::new(*plan.options(), idle_within(plan.policy(), plan.forecast()));
    let has_user_timeout = calm.options.user_timeout_ms.is_some_and(|ms| ms > 0);
    let dropping = match has_user_timeout {
        true => calm,
        false => dropping(aim, &calm.options),
    };
    let untouched = Effective::untouched(&aim.kernel().sysctls);
    let mut rule = Rule::new(calm, dropping, Keepalive::from(&untouched), survive);
    rule.keep_app_settings = keep_app_settings;
    rule
}

/// What is left of the deadline for keepalive when data in flight takes its time: whoever writes
/// just before keepalive's verdict waits for both.
fn idle_within(policy: &Policy, forecast: &Forecast) -> Duration {
    let data = match policy.promises(Silence::LateWrite) {
        true => forecast.in_flight.worst.latest().unwrap_or_default(),
        false => Duration::ZERO,
    };
    let left = policy.within().saturating_sub(data);
    left.max(forecast.idle.worst.latest().unwrap_or_default())
}

/// For programs that want a user timeout: the longest that keeps the deadline, with what else the
/// plan has.
fn dropping(aim: &Aim, calm: &SocketOptions) -> Way {
    let policy = aim.plan().policy();
    let survive = policy.survives();
    let with_rest = |options: &SocketOptions| {
        let mut options = *options;
        (options.rto_max_ms, options.syncnt) = (calm.rto_max_ms, calm.syncnt);
        options
    };
    let fitted = aim.dropping().map(with_rest).find_map(|options| {
        let forecast = aim.promised(&options);
        let way = Way::new(options, idle_within(policy, &forecast)).with_user_timeout(survive)?;
        let then = aim.promised(&way.options);
        let keeps = then.late_write.worst.meets(policy.within());
        keeps.then_some(way)
    });
    fitted.unwrap_or_else(|| {
        // As soon as can be.
        let mut options = *calm;
        (options.keepidle_s, options.keepintvl_s) = (Some(1), Some(1));
        let probes = Duration::from_millis(1200) * (survive + 1);
        options.user_timeout_ms = u32::try_from(probes.as_millis()).ok();
        Way::new(options, policy.within())
    })
}

/// Makes a rule hold for every connection of a cgroup and those below it (`/`: of the whole
/// machine, containers included) that begins from now on, under a name by which it can be
/// [listed](standing) and ended. Takes `CAP_BPF` and `CAP_NET_ADMIN`, Linux 6.1, and a mounted BPF
/// file system. One of the same name that an earlier version made, or what is left of one whose
/// maker was killed or whose cgroup is gone, is replaced once the new one holds.
///
/// # Errors
/// Nothing new holds then.
pub fn protect(
    cgroup_path: &Path,
    rule: &Rule,
    name: &str,
) -> Result<Standing, NewConnectionsError> {
    put(cgroup_path, rule, name, |it| {
        it.outdated || it.cgroup.is_none()
    })
}

/// The same, and any other of this name is replaced once the new one holds.
///
/// # Errors
/// As [`protect`].
pub fn replace(
    cgroup_path: &Path,
    rule: &Rule,
    name: &str,
) -> Result<Standing, NewConnectionsError> {
    put(cgroup_path, rule, name, |_| true)
}

fn put(
    cgroup_path: &Path,
    rule: &Rule,
    name: &str,
    is_replaced: impl Fn(&Pinned) -> bool,
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
    let before = standing().unwrap_or_default();
    let mut of_name = before.iter().map(|it| &it.pinned);
    if let Some(replaced) = of_name.find(|it| it.name == name && is_replaced(it)) {
        replaced.remove()?;
    }
    Ok(Standing {
        pinned: protection.pin(Path::new(BPFFS), name)?,
        cgroup: Some(cgroup_path.to_owned()),
    })
}

/// The number of the root of the whole hierarchy, which no cgroup namespace hides
/// (fs/kernfs/dir.c: the first that is given).
const WHOLE: u64 = 1;

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
    let sees_all = root
        .as_ref()
        .is_some_and(|root| cgroup::id(root) == Ok(WHOLE));
    let found = pinned.into_iter().map(|mut pinned| {
        let path = root
            .as_ref()
            .zip(pinned.cgroup)
            .and_then(|(root, id)| cgroup::path_of(root, id));
        if sees_all && path.is_none() {
            pinned.cgroup = None;
        }
        Standing {
            cgroup: path,
            pinned,
        }
    });
    Ok(found.collect())
}
