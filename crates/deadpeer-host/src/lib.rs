//! The TCP connections of a whole machine: who has them, which options are in force on them, and what
//! they add up to.
//!
//! [`Table::each`] streams the connections of one network namespace past a visitor, each with its owners
//! and its options as far as we may see them; [`Coverage`] names what we may not. [`Services`] sorts
//! them by service while they pass.
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

mod asking;
pub mod cgroup;
mod connection;
mod coverage;
pub mod deaths;
mod effort;
mod endpoint;
mod filter;
pub mod inheritance;
pub mod kill;
mod loans;
mod namespace;
pub mod new_connections;
mod owners;
mod ports;
mod process;
pub mod protect;
mod query;
mod row;
pub mod run;
mod service;
mod settings;
mod sight;
mod table;
mod target;
pub mod undo;
mod within;

pub use asking::{Reply, ask_all};
pub use connection::Connection;
pub use coverage::{Coverage, ReadBy};
pub use deadpeer_sys::sock_diag::{ArmedTimer, Family, Socket, States, TimerKind};
pub use endpoint::{Endpoint, EndpointError};
pub use filter::Filter;
pub use namespace::Namespace;
pub use owners::{Owner, Owners, OwnersOf};
pub use process::Process;
pub use query::Query;
pub use service::{Role, Service, Services};
pub use settings::{Settings, Unreadable};
pub use table::{OpenTableError, ReadTableError, Table};
pub use target::{Holder, Target};
pub use within::{Within, WithinError};
