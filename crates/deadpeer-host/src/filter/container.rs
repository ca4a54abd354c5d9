//! Which cgroup is a container's: by the names that the makers of containers give.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use deadpeer_report::record;

use super::cgroup::all_that;
use super::glob::Glob;
use crate::workload::{Names, cgroup as shapes};

/// A container or a pod, by its id, by the begin of its id, or by its name.
///
/// Recognized on the path of its cgroup, as these programs write it: Docker, containerd and CRI-O
/// (`docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, or the bare id), Podman
/// (`libpod-ID.scope`), Kubernetes (`pod` with the pod's uid, `-` or `_` in it), systemd-nspawn and
/// machinectl (`machine-NAME.scope`, `systemd-nspawn@NAME.service`), LXC (`lxc.payload.NAME`). By
/// the names of their logs also pods and containers of Kubernetes (`web-0`, `shop/web-0`, `nginx`);
/// by files of Docker and Podman, where we may read them and they are in the usual place, also
/// their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Container(String);

/// Fewer digits of an id are no id.
const SHORTEST_ID: usize = 6;

impl FromStr for Container {
    type Err = Infallible;

    /// As [`Container::new`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl Container {
    /// From an id, the begin of one (six digits or more), a pod's uid or a name, which may have
    /// wildcards.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether a cgroup, by its path below the root, is this container's own.
    #[must_use]
    pub fn is_at(&self, cgroup: &Path) -> bool {
        is_at(cgroup, |id| self.begins(id), |name| self.is_called(name))
    }

    /// The ids that it has by its name.
    pub(super) fn ids<'n>(&self, names: &'n Names) -> Vec<&'n str> {
        names.ids_of(|name| self.is_called(name))
    }

    /// Whether a cgroup is this container's own, by itself or by one of its [`ids`](Self::ids).
    pub(super) fn is_at_or_has(&self, cgroup: &Path, ids: &[impl AsRef<str>]) -> bool {
        let is_one = |id: &str| ids.iter().any(|one| one.as_ref() == id);
        self.is_at(cgroup) || is_at(cgroup, is_one, |_| false)
    }

    /// The directories of the cgroups (v2) that are its own: several if it means several.
    #[must_use]
    pub fn cgroups(&self) -> Vec<PathBuf> {
        let names = Names::of_this_machine();
        let ids = self.ids(&names);
        all_that(|cgroup| self.is_at_or_has(cgroup, &ids))
    }

    /// The processes that are in it by a hierarchy of version 1 (cgroups(7)): where that keeps the
    /// containers, there may be no cgroup v2 of theirs, and their sockets carry none. `proc` is
    /// where procfs is mounted.
    pub(super) fn processes(&self, proc: &Path, ids: &[&str]) -> Vec<u32> {
        let pids = fs::read_dir(proc).into_iter().flatten().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &u32| {
            let text = fs::read_to_string(proc.join(format!("{pid}/cgroup")));
            self.is_told_by(&text.unwrap_or_default(), ids)
        })
        .collect()
    }

    /// Whether a process is in it, by its `/proc/PID/cgroup`.
    fn is_told_by(&self, proc_cgroup: &str, ids: &[&str]) -> bool {
        let paths = proc_cgroup
            .lines()
            .filter_map(|line| line.splitn(3, ':').nth(2));
        let mut all = paths.flat_map(|path| Path::new(path).ancestors());
        all.any(|cgroup| self.is_at_or_has(cgroup, ids))
    }

    /// Whether its name, or its pod's, was recorded as this.
    pub(super) fn is_called_in(&self, place: &record::Place) -> bool {
        let container = place.container.as_ref().and_then(|one| one.name.as_deref());
        let mut names: Vec<String> = container.map(str::to_owned).into_iter().collect();
        if let Some(pod) = place.pod.as_ref().and_then(|pod| pod.name.as_deref()) {
            let namespace = place.pod.as_ref().and_then(|pod| pod.namespace.as_deref());
            let whole = namespace.map(|namespace| format!("{namespace}/{pod}"));
            let one = whole.as_ref().zip(container);
            names.extend(one.map(|(whole, container)| format!("{whole}/{container}")));
            names.extend(whole);
            names.push(pod.to_owned());
        }
        names.iter().any(|name| self.is_called(name))
    }

    fn begins(&self, id: &str) -> bool {
        self.0.len() >= SHORTEST_ID && id.starts_with(&self.0) || self.is_called(id)
    }

    fn is_called(&self, name: &str) -> bool {
        Glob::new(self.0.as_bytes()).matches(name.as_bytes())
    }
}

/// Whether the last name of a path is a container's, with such an id or name, or a pod's with such
/// a uid.
fn is_at(cgroup: &Path, has_id: impl Fn(&str) -> bool, is_called: impl Fn(&str) -> bool) -> bool {
    let mut names = cgroup.iter().rev().filter_map(OsStr::to_str);
    let (last, above) = (names.next().unwrap_or_default(), names.next());
    if let Some(uid) = shapes::pod_uid(last) {
        return is_called(&uid.replace('_', "-"));
    }
    let Some(container) = shapes::container(last, above) else {
        return false;
    };
    container.id.is_some_and(|id| has_id(&id))
        || container.name.is_some_and(|name| is_called(&name))
}

impl std::fmt::Display for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c8a2b9d3e7f60514233241506f7e8d9cab1b0c3d2e5f4a7968778695a4b3c";

    fn is(container: &str, cgroup: &str) -> bool {
        Container::new(container).is_at(Path::new(cgroup))
    }

    #[test]
    fn ids_as_their_makers_write_them() {
        for directory in [
            format!("/system.slice/docker-{ID}.scope"),
            format!("/docker/{ID}"),
            format!("/kubepods.slice/cri-containerd-{ID}.scope"),
            format!("/kubepods.slice/crio-{ID}.scope"),
            format!("/machine.slice/libpod-{ID}.scope"),
            format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"),
        ] {
            assert!(is(ID, &directory), "{directory}");
            assert!(is(&ID[..12], &directory), "{directory}");
            assert!(!is(&ID[..5], &directory), "too short: {directory}");
            assert!(!is("4f1c8a2b9d3f", &directory), "{directory}");
        }
    }

    #[test]
    fn processes_by_hierarchies_of_version_1() {
        let proc = std::env::temp_dir().join(format!("deadpeer-v1-{}", std::process::id()));
        let other = ID.replace('4', "5");
        for (pid, text) in [
            (
                7,
                format!("9:name=systemd:/docker/{ID}\n8:pids:/docker/{ID}\n0::/\n"),
            ),
            (8, format!("8:pids:/docker/{ID}/worker\n0::/init.scope\n")),
            (9, format!("8:pids:/libpod_parent/libpod-{other}\n0::/\n")),
            (10, "8:pids:/user.slice\n0::/\n".to_owned()),
        ] {
            let folder = proc.join(pid.to_string());
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("cgroup"), text).unwrap();
        }
        fs::create_dir(proc.join("self")).unwrap();
        let processes = |text: &str| {
            let mut found = Container::new(text).processes(&proc, &[]);
            found.sort_unstable();
            found
        };
        assert_eq!(processes(&ID[..12]), [7, 8]);
        assert_eq!(processes(&other), [9]);
        assert!(processes("no-such-container").is_empty());
        let logged = Container::new("web-0").processes(&proc, &[&other]);
        assert_eq!(logged, [9]);
        fs::remove_dir_all(&proc).unwrap();
    }

    #[test]
    fn pods_and_names() {
        let uid = "0ed0cc75-9db7-4a3b-9b9a-b1e6f4c7d1a2";
        for directory in [
            "/kubepods/burstable/pod0ed0cc75-9db7-4a3b-9b9a-b1e6f4c7d1a2",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0ed0cc75_9db7_4a3b_9b9a_b1e6f4c7d1a2.slice",
            "/kubepods.slice/kubepods-pod0ed0cc75_9db7_4a3b_9b9a_b1e6f4c7d1a2.slice",
        ] {
            assert!(is(uid, directory), "{directory}");
        }
        assert!(is("web", "/machine.slice/machine-web.scope"));
        assert!(is("web", "/machine.slice/systemd-nspawn@web.service"));
        assert!(is("web*", "/lxc.payload.web1"));
        assert!(is("my-web", r"/machine.slice/machine-my\x2dweb.scope"));
    }

    #[test]
    fn what_is_no_container() {
        assert!(!is("nginx", "/system.slice/nginx.service"));
        assert!(!is("*", "/system.slice/nginx.service"));
        assert!(!is("*", "/"));
        assert!(!is(ID, &format!("/docker/{ID}/init.scope")), "below one");
    }
}
