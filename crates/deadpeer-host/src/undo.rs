//! The way back: what a socket had before it was changed, kept in a file until it is no longer
//! needed.
//!
//! A file is written before anything is changed, and whole or not at all. It names sockets by their
//! cookies, which no other socket of the same boot ever has, so that undoing it reaches exactly
//! those that are still there.

mod file;
mod loan_record;
mod record;
mod restore;
mod sysctl;
mod values;

pub use file::{ReadUndoError, UndoFile, WriteUndoError, default_directory};
pub use loan_record::LoanRecord;
pub use record::{Group, Record, boot_id};
pub use restore::{Restored, restore};
pub use sysctl::{Sysctl, SysctlAccessError, SysctlChange, SysctlFate};
