//! Where a process runs: in which container, of which pod, in which unit of systemd.
//!
//! All of it is told by the path of its cgroup, in the words of whoever made that; the names of
//! containers and pods stand in files of their makers ([`Names`]). Nobody is asked: no container
//! runtime, no API.

pub(crate) mod cgroup;
mod logs;
mod names;
mod stores;

use std::fmt;

pub use names::Names;

/// What a process belongs to, as far as its cgroup tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Workload {
    /// The innermost container.
    pub container: Option<Container>,
    /// The pod of that container.
    pub pod: Option<Pod>,
    /// The unit of systemd, as systemctl(1) calls it; `None` within a container.
    pub unit: Option<Box<str>>,
}

/// A container: what it is called, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Container {
    /// Its id of 64 hexadecimal digits; `None` where containers have names alone.
    pub id: Option<Box<str>>,
    /// Its name: that of a machine (LXC, systemd-nspawn), the one in its pod, or what Docker or
    /// Podman calls it.
    pub name: Option<Box<str>>,
    /// Who made it, where the cgroup says so.
    pub runtime: Option<Runtime>,
}

/// A pod of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pod {
    /// Its uid.
    pub uid: Box<str>,
    /// Its namespace and its name, where its logs are kept on this machine.
    pub name: Option<(Box<str>, Box<str>)>,
}

/// Who makes containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd, by its CRI.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman.
    Podman,
    /// nerdctl.
    Nerdctl,
    /// LXC, and what is built on it.
    Lxc,
    /// systemd-machined: systemd-nspawn and others that register with it.
    Machined,
}

impl Runtime {
    /// A word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
            Self::Nerdctl => "nerdctl",
            Self::Lxc => "lxc",
            Self::Machined => "machine",
        }
    }
}

impl Workload {
    /// Of a process, by what `/proc/PID/cgroup` says (cgroups(7)); `None`: it belongs to nothing
    /// that has a name.
    ///
    /// With several hierarchies (version 1), whichever shows a container does, for makers of
    /// containers don't use all.
    #[must_use]
    pub fn of(proc_cgroup: &str) -> Option<Self> {
        let paths = || {
            let of_line = |line: &'_ str| line.splitn(3, ':').nth(2).map(str::to_owned);
            proc_cgroup.lines().filter_map(of_line)
        };
        let mut all: Vec<Self> = paths().map(|path| cgroup::workload(&path)).collect();
        // The line of systemd's own hierarchy is among the last.
        all.reverse();
        let unit = all.iter().find_map(|workload| workload.unit.clone());
        let contained = all
            .into_iter()
            .find(|workload| workload.container.is_some());
        contained.or_else(|| {
            unit.map(|unit| Self {
                unit: Some(unit),
                ..Self::default()
            })
        })
    }

    /// Adds the names that files tell.
    #[must_use]
    pub fn named_by(mut self, names: &Names) -> Self {
        let id = self
            .container
            .as_ref()
            .and_then(|container| container.id.as_deref());
        let Some(pod) = &mut self.pod else {
            let called = id.and_then(|id| names.called(id));
            if let (Some(called), Some(container)) = (called, &mut self.container) {
                container.name = Some(called.into());
            }
            return self;
        };
        let told = id.and_then(|id| names.logged(id));
        if let Some(told) = told {
            pod.name = Some((told.namespace.clone(), told.pod.clone()));
            if let Some(container) = &mut self.container {
                container.name = Some(told.container.clone());
            }
        } else {
            pod.name = names.pod(&pod.uid).cloned();
        }
        self
    }

    /// Whether it is in a container.
    #[must_use]
    pub fn is_contained(&self) -> bool {
        self.container.is_some()
    }
}

/// As many digits of an id as `docker ps` shows.
const SHORT: usize = 12;

/// As people call it: "shop/web-0/nginx" (namespace, pod, container), "docker 4f1c8a2b9d3e", "web",
/// or the unit.
impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pod {
            Some(Pod {
                name: Some((namespace, pod)),
                ..
            }) => write!(f, "{namespace}/{pod}/")?,
            Some(Pod { uid, .. }) => write!(f, "pod {uid}/")?,
            None => {}
        }
        match (&self.container, &self.unit) {
            (Some(container), _) => container.fmt(f),
            (None, Some(unit)) => f.write_str(unit),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.id, self.runtime) {
            (Some(name), _, _) => f.write_str(name),
            (None, Some(id), Some(runtime)) => {
                write!(f, "{} {}", runtime.word(), id.get(..SHORT).unwrap_or(id))
            }
            (None, Some(id), None) => f.write_str(id.get(..SHORT).unwrap_or(id)),
            (None, None, _) => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests;
