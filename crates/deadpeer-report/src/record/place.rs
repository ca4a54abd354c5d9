//! Where something runs: its network namespace, its container, its pod, its unit.

use serde::{Deserialize, Serialize};

use super::Word;

/// Where connections are, and what their program belongs to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Place {
    /// The number of the network namespace, as in /proc/PID/ns/net; null: not told.
    pub netns: Option<u64>,
    /// The name that `ip netns` gave it; null: none.
    pub netns_name: Option<String>,
    /// The container; null: none, or no owner could be seen.
    pub container: Option<Container>,
    /// The pod; null: none.
    pub pod: Option<Pod>,
    /// The unit of systemd; null: none, or it is in a container.
    pub unit: Option<String>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Container {
    /// Its id, 64 hexadecimal digits; null: it has a name alone.
    pub id: Option<String>,
    /// Its name, as far as this machine's files tell: that of a machine (LXC, systemd-nspawn), or
    /// the one in its pod; null: not told.
    pub name: Option<String>,
    /// Who made it: "docker", "containerd", "cri-o", "podman", "nerdctl", "lxc" or "machine"
    /// (systemd-machined); null: its cgroup does not say.
    pub runtime: Option<Word>,
}

/// A pod of Kubernetes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pod {
    /// Its uid.
    pub uid: String,
    /// Its namespace; null: its logs are not on this machine.
    pub namespace: Option<String>,
    /// Its name; null: its logs are not on this machine.
    pub name: Option<String>,
}
