//! The TCP connections of a whole machine: who has them, which options are in force on them, and
//! what they add up to.
//!
//! [`Table::each`] streams the connections of one network namespace past a visitor, each with its
//! owners and its options as far as we may see them; [`Coverage`] names what we may not.
//! [`Services`] sorts them by service while they pass.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use deadpeer_host::{Namespace, Query, Table};
//!
//! let mut table = Table::open(&Namespace::Own)?;
//! let mut silent = 0;
//! let coverage = table.each(&Query::default(), |connection| {
//!     silent += u32::from(connection.settings.effective().is_some_and(|options| !options.keepalive));
//!     ControlFlow::Continue(())
//! })?;
//! assert!(u64::from(silent) <= coverage.chosen);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod ask;
pub mod audit;
pub mod deaths;
mod distrust;
pub mod filter;
pub mod kill;
mod parts;
mod process;
pub mod protect;
mod publish;
pub mod run;
pub mod table;
mod target;
pub mod undo;
mod work;
pub mod workload;

pub use ask::{Questions, Reply};
pub use deadpeer_sys::netns::NetnsLock;
pub use deadpeer_sys::sock_diag::{ArmedTimer, Family, Socket, SocketId, States, TimerKind};
pub use filter::{Endpoint, EndpointError, Filter, Selector, cgroup};
pub use process::Process;
pub use publish::{place, unreached};
pub use table::{
    AllNetns, BpfDetails, BpfError, ClosedNetns, Connection, Coverage, Namespace, Netns,
    OpenNamespace, OpenTableError, Over, Owner, Owners, OwnersOf, Query, ReadBy, ReadTableError,
    Role, Scope, Service, Services, Settings, Shared, Table, Tables, Unreadable,
};
pub use target::{ByKernel, Forgotten, Risk, Target, TargetOwner};
pub use work::Work;
pub use workload::Workload;
