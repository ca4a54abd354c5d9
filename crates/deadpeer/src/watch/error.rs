//! Why a watch could not be made, or a socket not be added to it.

use std::fmt;

use deadpeer_sys::SysError;
use deadpeer_sys::sysctl::SysctlError;

use crate::apply::ApplyError;
use crate::died::WatchError;

/// Why a watch could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewWatchError {
    /// The kernel refused: `EMFILE`.
    Call(SysError),
    /// What the running kernel knows could not be found out.
    Sysctl(SysctlError),
}

impl std::error::Error for NewWatchError {}

impl fmt::Display for NewWatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Sysctl(error) => error.fmt(f),
        }
    }
}

impl From<SysError> for NewWatchError {
    fn from(error: SysError) -> Self {
        Self::Call(error)
    }
}

impl From<SysctlError> for NewWatchError {
    fn from(error: SysctlError) -> Self {
        Self::Sysctl(error)
    }
}

/// Why a socket could not be added to a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddError {
    /// It cannot be watched.
    Watch(WatchError),
    /// The options of the supervision could not be set.
    Apply(ApplyError),
}

impl std::error::Error for AddError {}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watch(error) => error.fmt(f),
            Self::Apply(error) => error.fmt(f),
        }
    }
}

impl From<WatchError> for AddError {
    fn from(error: WatchError) -> Self {
        Self::Watch(error)
    }
}

impl From<ApplyError> for AddError {
    fn from(error: ApplyError) -> Self {
        Self::Apply(error)
    }
}
