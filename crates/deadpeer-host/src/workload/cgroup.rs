//! The shapes that paths of cgroups have, by whoever makes containers.
//!
//! Docker, containerd, CRI-O and Podman write `RUNTIME-ID.scope` where systemd keeps the cgroups,
//! and the bare id where they do themselves; Kubernetes puts a `pod` with the pod's uid around it.
//! LXC and systemd-machined have names for ids. Everything else that systemd starts is a unit.

use super::{Container, Pod, Runtime, Workload};

/// What stands before an id.
const BEFORE_ID: [(&str, Runtime); 5] = [
    ("docker-", Runtime::Docker),
    ("cri-containerd-", Runtime::Containerd),
    ("crio-", Runtime::CriO),
    ("libpod-", Runtime::Podman),
    ("nerdctl-", Runtime::Nerdctl),
];

/// What stands before a name.
const BEFORE_NAME: [(&str, Runtime); 3] = [
    ("lxc.payload.", Runtime::Lxc),
    ("machine-", Runtime::Machined),
    ("systemd-nspawn@", Runtime::Machined),
];

/// Directories whose children are containers by their bare names.
const PARENTS: [(&str, Runtime); 2] = [("lxc", Runtime::Lxc), ("lxc.payload", Runtime::Lxc)];

/// Directories of Docker and Podman, below which ids stand bare.
const PARENTS_OF_IDS: [(&str, Runtime); 2] = [
    ("docker", Runtime::Docker),
    ("libpod_parent", Runtime::Podman),
];

/// Where Talos Linux keeps its services.
const TALOS: [&str; 2] = ["system", "podruntime"];

/// What a path below the root of a hierarchy means. Containers within containers: the innermost,
/// with the pod around it.
pub(crate) fn workload(path: &str) -> Workload {
    let mut found = Workload::default();
    let mut pod = None;
    let mut before = None;
    // `kubepods-pod1.slice:cri-containerd:ID` is what containerd makes of a path of systemd's where
    // it keeps cgroups itself.
    for name in path.split(['/', ':']).filter(|name| !name.is_empty()) {
        if let Some(uid) = pod_uid(name) {
            pod = Some(Pod {
                uid: uid.replace('_', "-").into(),
                name: None,
            });
        } else if let Some(container) = container(name, before) {
            found.container = Some(container);
            found.pod = pod.take();
            found.unit = None;
        } else if found.container.is_none() {
            found.unit = match (found.unit, unit(name, before)) {
                // A user's service manager is a unit, and starts units itself.
                (Some(manager), Some(unit)) if is_of_a_user(&manager) => {
                    Some(format!("{manager}/{unit}").into())
                }
                (outer, inner) => outer.or(inner),
            };
        }
        before = Some(name);
    }
    found
}

/// A container by the name of its directory and that of the one above.
pub(crate) fn container(name: &str, above: Option<&str>) -> Option<Container> {
    let of = |id: Option<&str>, name: Option<String>, runtime| Container {
        id: id.map(Into::into),
        name: name.map(Into::into),
        runtime,
    };
    let bare = bare(name);
    let parent = |known: &[(&str, Runtime)]| {
        let found = known.iter().find(|(parent, _)| above == Some(*parent));
        found.map(|(_, runtime)| *runtime)
    };
    if is_id(bare) {
        let by_containerd = (above == Some("cri-containerd")).then_some(Runtime::Containerd);
        return Some(of(
            Some(bare),
            None,
            parent(&PARENTS_OF_IDS).or(by_containerd),
        ));
    }
    for (before, runtime) in BEFORE_ID {
        // `crio-conmon-ID` and `libpod-conmon-ID` are those who look after it.
        if let Some(id) = bare.strip_prefix(before).filter(|id| is_id(id)) {
            return Some(of(Some(id), None, Some(runtime)));
        }
    }
    for (before, runtime) in BEFORE_NAME {
        let ends = name.ends_with(".scope") || name.ends_with(".service");
        let unit = runtime == Runtime::Lxc || ends;
        if let Some(name) = bare
            .strip_prefix(before)
            .filter(|name| unit && !name.is_empty())
        {
            return Some(of(None, Some(unescaped(name)), Some(runtime)));
        }
    }
    let runtime = parent(&PARENTS)?;
    Some(of(None, Some(name.to_owned()), Some(runtime)))
}

/// The uid in `pod` and a uid, or by systemd `kubepods-burstable-pod` and a uid with underscores.
pub(crate) fn pod_uid(name: &str) -> Option<&str> {
    let bare = bare(name);
    let uid = match bare.starts_with("kubepods-") {
        true => bare.rsplit_once("-pod").map(|(_, uid)| uid),
        false => bare.strip_prefix("pod"),
    };
    // With dashes or without, as those of static pods are.
    uid.filter(|uid| {
        let digit = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_');
        uid.len() >= 32 && uid.bytes().all(digit)
    })
}

fn unit(name: &str, above: Option<&str>) -> Option<Box<str>> {
    if name.ends_with(".service") || name.ends_with(".scope") {
        // Systemd escapes what a file system of cgroups would take for a name of its own.
        return Some(name.strip_prefix('_').unwrap_or(name).into());
    }
    let talos = above.is_some_and(|above| TALOS.contains(&above));
    talos.then(|| name.into())
}

fn is_of_a_user(unit: &str) -> bool {
    unit.starts_with("user@") && unit.ends_with(".service") && !unit.contains('/')
}

/// Without what systemd writes behind.
pub(crate) fn bare(name: &str) -> &str {
    let behind = [".scope", ".service", ".slice"];
    let stripped = behind.iter().find_map(|behind| name.strip_suffix(behind));
    stripped.unwrap_or(name)
}

/// 64 hexadecimal digits.
pub(crate) fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A part of a unit's name as it was before systemd wrote bytes as `\xNN` (systemd.unit(5)).
pub(crate) fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once(r"\x") {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.extend_from_slice(br"\x");
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
