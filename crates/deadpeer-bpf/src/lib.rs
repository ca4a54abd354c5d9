//! The kernel's own view of TCP connections, by eBPF: every socket's settings, its owners, the
//! means to change settings from within, and a report of each connection as it ends.
//!
//! | what | since | capabilities |
//! |---|---|---|
//! | [`Engine::sockets`]: every socket of a network namespace | Linux 5.12 | BPF, PERFMON |
//! | [`Engine::set`]: options of chosen sockets, accept queues included | Linux 5.15 | BPF, PERFMON |
//! | [`Engine::socket_owners`]: which process holds which socket | Linux 5.12 | BPF, PERFMON |
//! | [`Engine::held_sockets`]: the sockets of a process, in whichever network namespace | Linux 6.1 | BPF, PERFMON |
//! | [`Engine::protect`]: options of every connection still to come in a cgroup | Linux 6.1 | BPF, NET_ADMIN |
//! | [`Engine::deaths`]: connections as they end | Linux 5.12 | BPF, PERFMON |
//!
//! All of it takes a kernel with BTF (`CONFIG_DEBUG_INFO_BTF`). Nothing is assumed: each function
//! either works or returns [`Unavailable`], which names what is missing. The programs are written
//! in C, compiled beforehand and part of this crate; no compiler is needed.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//!
//! let engine = deadpeer_bpf::Engine::open(250)?;
//! let mut silent = 0;
//! engine.sockets()?.each(|socket| {
//!     silent += u32::from(socket.options.is_some_and(|options| options.keepalive == Some(false)));
//!     ControlFlow::Continue(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cgroup;
mod deaths;
mod engine;
mod error;
mod feature;
mod held;
mod iterate;
mod kernel;
mod load;
mod new_connections;
mod owners;
mod pins;
mod records;
mod rule;
mod set;
mod snapshot;
mod sockets;

pub use deaths::{Actor, Death, Deaths, Watched};
pub use engine::Engine;
pub use error::{CallError, PinError, Unavailable};
pub use held::HeldSockets;
pub use new_connections::{Adoption, Pinned, Protection, pinned};
pub use owners::{SocketOwner, SocketOwners};
pub use rule::{Counts, Keepalive, Rule, Way};
pub use set::{Change, Outcome, Refused};
pub use sockets::{Holding, Showing, Socket, Sockets};

/// The number of our pid namespace, in which programs number processes.
fn pid_namespace() -> Result<u32, CallError> {
    rustix::fs::stat("/proc/self/ns/pid")
        .map(|stat| stat.st_ino as u32)
        .map_err(CallError::of("stat(/proc/self/ns/pid)"))
}
