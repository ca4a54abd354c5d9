//! Setting the sysctl that a plan asks for, for everybody in a network namespace.

use crate::table::Table;
use crate::undo::{SysctlAccessError, SysctlChange, UndoFile, WriteUndoError};

/// A sysctl was not set. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SetSysctlError {
    /// It could not be read or written.
    #[error(transparent)]
    Access(#[from] SysctlAccessError),
    /// What was before could not be recorded.
    #[error(transparent)]
    Record(#[from] WriteUndoError),
    /// It is not what it was when this was planned.
    #[error("{name} is {now} and no longer {was}: somebody has set it meanwhile; run this again")]
    Overtaken {
        /// Its name.
        name: &'static str,
        /// What it was.
        was: u32,
        /// What it is.
        now: u32,
    },
}

impl SysctlChange {
    /// Sets it in the table's namespace, once what was before is in the undo file. Every connection
    /// there counts by it from its next retransmission on (net/ipv4/tcp_timer.c,
    /// `tcp_write_timeout`). Takes root's rights in the namespace.
    ///
    /// # Errors
    /// See [`SetSysctlError`]. The undo file is then as it was.
    pub fn carry_out(&self, table: &Table, undo: &mut UndoFile) -> Result<(), SetSysctlError> {
        let now = self.sysctl.get(table)?;
        if now != self.before {
            return Err(SetSysctlError::Overtaken {
                name: self.sysctl.name(),
                was: self.before,
                now,
            });
        }
        undo.add_sysctl(*self)?;
        if let Err(error) = self.sysctl.set(self.after, table) {
            undo.forget_sysctl()?;
            return Err(error.into());
        }
        Ok(())
    }
}
