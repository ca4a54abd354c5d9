//! What containers are called, beside what the paths of their cgroups say.

use std::path::Path;

use super::logs::{Logged, PodLogs, PodName};
use super::stores::{self, Called};

/// The names of a machine's containers and pods: by the names of their logs (Kubernetes), and by
/// the files of Docker and Podman.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    logs: PodLogs,
    called: Called,
}

impl Names {
    /// Of this machine. What may not be read has no names.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self {
            logs: PodLogs::read(Path::new("/var/log")),
            called: stores::of_this_machine(),
        }
    }

    /// By these logs alone, and what Docker and Podman have in these folders.
    #[cfg(test)]
    pub(super) fn read(logs: &Path, docker: &Path, podman: &Path) -> Self {
        let mut called = stores::docker(docker);
        called.extend(stores::podman(podman));
        Self {
            logs: PodLogs::read(logs),
            called,
        }
    }

    pub(super) fn pod(&self, uid: &str) -> Option<&PodName> {
        self.logs.pod(uid)
    }

    pub(super) fn logged(&self, id: &str) -> Option<&Logged> {
        self.logs.container(id)
    }

    /// What its maker calls a container.
    pub(super) fn called(&self, id: &str) -> Option<&str> {
        self.called.get(id).map(|name| &**name)
    }

    /// The ids of the containers with this name, in whatever pod, or of the pod with this name;
    /// `NAMESPACE/POD` and `NAMESPACE/POD/CONTAINER` say which.
    pub(crate) fn ids_of(&self, is_called: impl Fn(&str) -> bool) -> Vec<&str> {
        let named = self.called.iter().filter(|(_, name)| is_called(name));
        let named: Vec<&str> = named.map(|(id, _)| &**id).collect();
        let mut ids = self.logs.ids_of(is_called);
        ids.extend(named);
        ids
    }
}
