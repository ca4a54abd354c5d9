//! The way back: what a socket had before it was changed, kept in a file until it is no longer
//! needed.
//!
//! A file is written before anything is changed, and whole or not at all. It names sockets by their
//! cookies, which no other socket of the same boot ever has, so that undoing it reaches exactly
//! those that are still there.

mod detours;
mod file;
mod inheritance;
mod journal;
mod left;
mod loan_record;
mod ours;
mod record;
mod restore;
mod sysctl;
mod values;
mod way_back;

pub use file::{ReadUndoError, UndoFile, WriteUndoError, default_directory};
pub use journal::Journal;
pub use left::Left;
pub use loan_record::LoanRecord;
pub(crate) use ours::Ours;
pub use record::{Group, Record, boot_id};
pub use restore::{RestoreError, Restored, Returning, Undoing, restore};
pub use sysctl::{Sysctl, SysctlAccessError, SysctlChange, SysctlFate};
pub(crate) use way_back::WayBack;
