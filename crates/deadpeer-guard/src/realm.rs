//! One network namespace, and what is open in it.

use std::io;
use std::path::Path;
use std::time::Duration;

use deadpeer_host::deaths::{Deaths, DeathsQuery, OpenDeathsError};
use deadpeer_host::undo::{Record, UndoFile, WriteUndoError, boot_id};
use deadpeer_host::{Namespace, OpenTableError, Table};
use deadpeer_sys::netns::NetnsError;
use deadpeer_sys::{RouteEvents, SysError};
use rustc_hash::FxHashSet;

use crate::links::Links;

/// A network namespace could not be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenRealmError {
    /// Its table could not be opened.
    #[error(transparent)]
    Table(#[from] OpenTableError),
    /// Its deaths can't be seen.
    #[error(transparent)]
    Deaths(#[from] OpenDeathsError),
    /// It could not be entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// News of its links can't be had.
    #[error(transparent)]
    Network(#[from] SysError),
}

/// A namespace under watch.
#[derive(Debug)]
pub(crate) struct Realm {
    pub(crate) namespace: Namespace,
    pub(crate) table: Table,
    pub(crate) deaths: Deaths,
    pub(crate) network: RouteEvents,
    pub(crate) links: Links,
    /// Connections that a survey has seen, whether their options had to be set or not.
    pub(crate) surveyed: FxHashSet<u64>,
    /// Those whose options we have set.
    pub(crate) changed: FxHashSet<u64>,
    undo: Option<UndoFile>,
}

/// So many sockets that are gone may stay in an undo file.
const LITTER: usize = 1_000;

impl Realm {
    pub(crate) fn open(namespace: Namespace) -> Result<Self, OpenRealmError> {
        let mut query = DeathsQuery::default();
        query.namespace = namespace.clone();
        let mut table = Table::open(&namespace)?;
        // What is set by the kernel itself has to be read there too, and the same with descriptors.
        let _ = table.use_bpf();
        Ok(Self {
            deaths: Deaths::open(&query)?,
            network: namespace.run(RouteEvents::open)??,
            links: namespace.run(Links::now)?,
            table,
            namespace,
            surveyed: FxHashSet::default(),
            changed: FxHashSet::default(),
            undo: None,
        })
    }

    /// The file that knows what we have changed here.
    pub(crate) fn undo(
        &mut self,
        directory: &Path,
        deadline: Duration,
    ) -> Result<(&mut Table, &mut UndoFile), ChangeError> {
        let undo = match self.undo.take() {
            Some(undo) => undo,
            None => {
                let within = u64::try_from(deadline.as_millis()).ok();
                let boot = boot_id().map_err(ChangeError::Boot)?;
                let record = Record::new(boot, self.table.namespace(), within);
                UndoFile::in_directory(directory, record)?
            }
        };
        Ok((&mut self.table, self.undo.insert(undo)))
    }

    /// Forgets connections that are gone: these are still there.
    pub(crate) fn forget_gone(&mut self, surveyed: FxHashSet<u64>) -> Result<(), ChangeError> {
        self.changed.retain(|cookie| surveyed.contains(cookie));
        self.surveyed = surveyed;
        let Some(undo) = &mut self.undo else {
            return Ok(());
        };
        if undo.record().sockets() > self.changed.len() * 2 + LITTER {
            let changed = &self.changed;
            undo.forget_gone(|cookie| changed.contains(&cookie))?;
        }
        Ok(())
    }
}

/// What was to be changed could not be put on record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ChangeError {
    /// This boot has no number.
    #[error("read boot_id: {0}")]
    Boot(io::Error),
    /// The undo file could not be written.
    #[error(transparent)]
    Undo(#[from] WriteUndoError),
}
