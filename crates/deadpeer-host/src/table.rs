//! The connection table of a network namespace, read as a stream.
//!
//! [`Table::each`] is the way of a connection from the kernel's answer to a row: `source` decides
//! whether options and owners are read through descriptors (`fd_borrower`) or by eBPF (`bpf`),
//! [`Connection`] is the row, [`Coverage`] says what could not be seen.

pub(crate) mod bpf;
mod bpf_cost;
mod by_process;
mod connection;
mod coverage;
mod error;
pub(crate) mod fd_borrower;
mod namespace;
pub(crate) mod netns;
mod over;
mod owners;
pub(crate) mod ports;
mod query;
pub(crate) mod row;
mod scope;
mod service;
pub(crate) mod settings;
mod sockstat;
mod source;
pub(crate) mod stream;
mod tables;
mod wholes;

pub use bpf::{BpfDetails, BpfError};
pub use connection::Connection;
pub use coverage::{ClosedNetns, Coverage, ReadBy};
pub use deadpeer_report::Unreadable;
pub use error::{OpenTableError, ReadTableError};
pub use namespace::{Namespace, OpenNamespace};
pub use netns::{AllNetns, Netns};
pub use over::Over;
pub use owners::{Owner, Owners, OwnersOf};
pub use query::Query;
pub use scope::Scope;
pub use service::{Role, Service, Services};
pub use settings::Settings;
pub(crate) use settings::unreadable;
pub use stream::{Shared, Table};
pub use tables::Tables;
