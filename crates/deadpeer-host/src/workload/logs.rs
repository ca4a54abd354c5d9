//! The names of pods and containers, by those of their logs.
//!
//! The kubelet keeps `/var/log/pods/NAMESPACE_POD_UID/` for each pod of the machine, and a link
//! `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` for each container; none for the sandbox of
//! a pod (`pause`). Neither namespaces nor pods have an underscore in their names (RFC 1123).

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::cgroup::is_id;

/// A namespace, and a name in it.
pub(super) type PodName = (Box<str>, Box<str>);

/// What the logs of a machine's pods are called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PodLogs {
    /// Namespace and name, by the uid.
    pods: FxHashMap<Box<str>, PodName>,
    /// By the id.
    containers: FxHashMap<Box<str>, Logged>,
}

/// A container that has a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logged {
    pub(super) namespace: Box<str>,
    pub(super) pod: Box<str>,
    pub(super) container: Box<str>,
}

impl PodLogs {
    /// Reads the names of what is in `pods` and `containers` of a directory for logs. What is not
    /// there or may not be read has no names.
    pub(super) fn read(directory: &Path) -> Self {
        let mut logs = Self::default();
        for name in names(&directory.join("pods")) {
            if let Some((uid, named)) = pod(&name) {
                logs.pods.insert(uid, named);
            }
        }
        for name in names(&directory.join("containers")) {
            if let Some((id, logged)) = container(&name) {
                logs.containers.insert(id, logged);
            }
        }
        logs
    }

    pub(super) fn pod(&self, uid: &str) -> Option<&PodName> {
        self.pods.get(uid)
    }

    pub(super) fn container(&self, id: &str) -> Option<&Logged> {
        self.containers.get(id)
    }

    /// The ids of the containers with this name, in whatever pod, or of the pod with this name;
    /// `NAMESPACE/POD` and `NAMESPACE/POD/CONTAINER` say which.
    pub(super) fn ids_of(&self, is_called: impl Fn(&str) -> bool) -> Vec<&str> {
        let called = |logged: &Logged| {
            let (namespace, pod, container) = (&logged.namespace, &logged.pod, &logged.container);
            is_called(container)
                || is_called(pod)
                || is_called(&format!("{namespace}/{pod}"))
                || is_called(&format!("{namespace}/{pod}/{container}"))
        };
        let found = self.containers.iter().filter(|(_, logged)| called(logged));
        found.map(|(id, _)| &**id).collect()
    }
}

fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| OsString::into_string(entry.file_name()).ok())
}

/// The uid, and namespace and name, of `NAMESPACE_POD_UID`.
fn pod(name: &str) -> Option<(Box<str>, PodName)> {
    let (rest, uid) = name.rsplit_once('_')?;
    let (namespace, pod) = rest.split_once('_')?;
    Some((uid.into(), (namespace.into(), pod.into())))
}

/// The id and the names of `POD_NAMESPACE_CONTAINER-ID.log`.
fn container(name: &str) -> Option<(Box<str>, Logged)> {
    let (names, id) = name.strip_suffix(".log")?.rsplit_once('-')?;
    let (pod, rest) = names.split_once('_')?;
    let (namespace, container) = rest.split_once('_')?;
    let logged = Logged {
        namespace: namespace.into(),
        pod: pod.into(),
        container: container.into(),
    };
    is_id(id).then(|| (id.into(), logged))
}
