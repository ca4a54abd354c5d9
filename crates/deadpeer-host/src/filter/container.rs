//! Which cgroup is a container's: by the names that the makers of containers give.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use super::glob::Glob;

/// A container or a pod, by its id, by the begin of its id, or by its name.
///
/// Recognized on the path of its cgroup, as these programs write it: Docker, containerd and CRI-O
/// (`docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, or the bare id), Podman
/// (`libpod-ID.scope`), Kubernetes (`pod` with the pod's uid, `-` or `_` in it), systemd-nspawn and
/// machinectl (`machine-NAME.scope`, `systemd-nspawn@NAME.service`), LXC (`lxc.payload.NAME`). The
/// kernel knows no other name: what Docker and Podman call a container stands in their own files
/// alone, and its id has to be given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Container(String);

/// Fewer digits of an id are no id.
const SHORTEST_ID: usize = 6;

/// What makers of containers write before a name or an id.
const BEFORE: [&str; 10] = [
    "docker-",
    "cri-containerd-",
    "crio-conmon-",
    "crio-",
    "libpod-conmon-",
    "libpod-",
    "nerdctl-",
    "lxc.payload.",
    "machine-",
    "systemd-nspawn@",
];

/// What systemd writes behind.
const BEHIND: [&str; 3] = [".scope", ".service", ".slice"];

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
        let last = cgroup.file_name().map(|name| name.to_string_lossy());
        last.is_some_and(|last| self.is_called(&last))
    }

    fn is_called(&self, directory: &str) -> bool {
        let Some(name) = name_of(directory) else {
            return false;
        };
        let is_begin = self.0.len() >= SHORTEST_ID && name.starts_with(&self.0);
        is_id(&name) && is_begin || Glob::new(self.0.as_bytes()).matches(name.as_bytes())
    }
}

impl std::fmt::Display for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id or name in the name of a cgroup's directory; `None`: it is no container's.
fn name_of(directory: &str) -> Option<String> {
    let bare = BEHIND
        .iter()
        .find_map(|behind| directory.strip_suffix(behind))
        .unwrap_or(directory);
    if is_id(bare) {
        return Some(bare.to_owned());
    }
    if let Some(uid) = pod_uid(bare) {
        return Some(uid.replace('_', "-"));
    }
    let name = BEFORE.iter().find_map(|before| bare.strip_prefix(before))?;
    // As systemd writes a dash that is part of a name.
    Some(name.replace(r"\x2d", "-"))
}

/// `pod` and a uid, or by systemd `kubepods-burstable-pod` and a uid with underscores.
fn pod_uid(bare: &str) -> Option<&str> {
    match bare.starts_with("kubepods-") {
        true => bare.rsplit_once("-pod").map(|(_, uid)| uid),
        false => bare.strip_prefix("pod"),
    }
}

/// 64 hexadecimal digits.
fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
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
