//! What can keep a guard from its work.

use deadpeer_host::deaths::DeathsError;
use deadpeer_host::filter::ResolveError;
use deadpeer_host::{OpenTableError, ReadTableError};
use deadpeer_sys::SysError;

use crate::realm::OpenRealmError;

/// It cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum OpenGuardError {
    /// A namespace cannot be watched.
    #[error(transparent)]
    Realm(#[from] OpenRealmError),
    /// What a policy chooses could not be looked up.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
}

/// A sweep could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// No table could be opened.
    #[error(transparent)]
    Open(#[from] OpenTableError),
    /// A table could not be read.
    #[error(transparent)]
    Read(#[from] ReadTableError),
    /// What a policy chooses could not be looked up.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Deaths could not be read.
    #[error(transparent)]
    Deaths(#[from] DeathsError),
    /// News of links could not be read.
    #[error(transparent)]
    Network(#[from] SysError),
}
