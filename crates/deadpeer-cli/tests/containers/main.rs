//! A machine with containers: network namespaces with real programs in them, in cgroups with the
//! names that Docker, containerd, CRI-O and Podman give, and the logs of pods. Clients are on other
//! machines, behind the lab's wire.

#[path = "../common/mod.rs"]
mod common;

mod changed;
mod guarded;
mod hanging;
mod machine;
