//! Sysctls of the network namespace, on record and the way back.

use deadpeer_sys::netns::NetnsError;
use deadpeer_sys::sysctl::{self, SysctlError};
use serde::{Deserialize, Serialize};

use crate::table::Table;

/// A sysctl that reaches every connection of a network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sysctl {
    /// `tcp_retries2`: how often data in flight is sent again (ip-sysctl.rst of the kernel).
    #[serde(rename = "net.ipv4.tcp_retries2")]
    Retries2,
}

/// A sysctl, what it was and what it became.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SysctlChange {
    /// Which.
    pub sysctl: Sysctl,
    /// The value that it had.
    pub before: u32,
    /// The value that was set.
    pub after: u32,
}

/// What undoing came to for a sysctl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SysctlFate {
    /// It has its old value again.
    Restored,
    /// It had that still or already.
    Unchanged,
    /// It has this value, which somebody else has set since; that one stays.
    Overtaken(u32),
    /// It could not be read or written, for this reason.
    Failed(String),
}

/// The namespace could not be entered, or not be changed.
#[derive(Debug, thiserror::Error)]
pub enum SysctlAccessError {
    /// It could not be entered.
    #[error(transparent)]
    Enter(#[from] NetnsError),
    /// The kernel refused. `EPERM`, `EACCES`: takes root; `EROFS`: `/proc/sys` is mounted
    /// read-only, as in containers.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// What was the namespace's name or process is another's now.
    #[error("another network namespace is there by now")]
    AnotherNamespace,
}

impl Sysctl {
    /// Its name, as sysctl(8) takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Retries2 => "net.ipv4.tcp_retries2",
        }
    }

    pub(crate) fn get(self, table: &Table) -> Result<u32, SysctlAccessError> {
        Ok(inside(table, || sysctl::get(self.file()))??)
    }

    pub(crate) fn set(self, value: u32, table: &Table) -> Result<(), SysctlAccessError> {
        Ok(inside(table, || sysctl::set(self.file(), value))??)
    }

    fn file(self) -> &'static str {
        match self {
            Self::Retries2 => "tcp_retries2",
        }
    }
}

fn inside<T: Send>(table: &Table, work: impl FnOnce() -> T + Send) -> Result<T, SysctlAccessError> {
    let done = table.in_namespace(work)?;
    done.ok_or(SysctlAccessError::AnotherNamespace)
}

/// Puts back the sysctls that have the value which was set, the latest first.
pub(super) fn restore(changes: &[SysctlChange], table: &Table) -> Vec<(SysctlChange, SysctlFate)> {
    let back = |change: &SysctlChange| {
        let fate = put_back(change, table);
        let fate = fate.unwrap_or_else(|error| SysctlFate::Failed(error.to_string()));
        (*change, fate)
    };
    changes.iter().rev().map(back).collect()
}

fn put_back(change: &SysctlChange, table: &Table) -> Result<SysctlFate, SysctlAccessError> {
    match change.sysctl.get(table)? {
        now if now == change.before => Ok(SysctlFate::Unchanged),
        now if now == change.after => {
            change.sysctl.set(change.before, table)?;
            Ok(SysctlFate::Restored)
        }
        now => Ok(SysctlFate::Overtaken(now)),
    }
}
