//! One network namespace, and what is open in it.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use deadpeer_host::deaths::{Deaths, DeathsQuery, OpenDeathsError};
use deadpeer_host::protect::Patience;
use deadpeer_host::undo::{Record, UndoFile, WriteUndoError, boot_id};
use deadpeer_host::{ClosedNetns, Netns, OpenTableError};
use deadpeer_sys::netns::NetnsError;
use deadpeer_sys::{RouteEvents, SysError};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::links::Links;
use crate::silences::Silences;

/// A network namespace could not be watched.
#[derive(Debug, thiserror::Error)]
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
    /// It was named, and could not be opened.
    #[error("network namespace {}: {}", .0.known_as, .0.why)]
    Closed(ClosedNetns),
    /// News of its links can't be had.
    #[error(transparent)]
    Network(#[from] SysError),
}

/// A namespace under watch.
#[derive(Debug)]
pub(crate) struct Realm {
    /// Its number, and the way to it of now.
    pub(crate) netns: Netns,
    /// `None`: those of all namespaces come together.
    pub(crate) deaths: Option<Deaths>,
    pub(crate) network: RouteEvents,
    pub(crate) links: Links,
    /// Its addresses: those that its connections had when they were looked at last.
    pub(crate) here: FxHashSet<IpAddr>,
    /// Peers that were silent when they were looked at last.
    pub(crate) silences: Silences,
    /// Connections that a survey has seen, whether their options had to be set or not.
    pub(crate) surveyed: FxHashSet<u64>,
    /// Those whose options we have set.
    pub(crate) changed: FxHashSet<u64>,
    /// Those of them that more patience is lent to.
    pub(crate) lent: FxHashMap<u64, Patience>,
    undo: Option<UndoFile>,
}

/// So many sockets that are gone may stay in an undo file.
const LITTER: usize = 1_000;

impl Realm {
    /// Begins to watch it. `deaths`: its own.
    pub(crate) fn open(netns: &Netns, deaths: bool) -> Result<Self, OpenRealmError> {
        let query = DeathsQuery {
            namespace: netns.way.clone(),
            ..DeathsQuery::default()
        };
        Ok(Self {
            deaths: deaths.then(|| Deaths::open(&query)).transpose()?,
            network: netns.way.run(RouteEvents::open)??,
            links: netns.way.run(Links::now)?,
            netns: netns.clone(),
            here: FxHashSet::default(),
            silences: Silences::default(),
            surveyed: FxHashSet::default(),
            changed: FxHashSet::default(),
            lent: FxHashMap::default(),
            undo: None,
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.netns.number
    }

    /// The file that knows what we have changed here.
    pub(crate) fn undo(
        &mut self,
        directory: &Path,
        deadline: Duration,
    ) -> Result<&mut UndoFile, ChangeError> {
        let undo = match self.undo.take() {
            Some(undo) => undo,
            None => {
                let within = u64::try_from(deadline.as_millis()).ok();
                let boot = boot_id().map_err(ChangeError::Boot)?;
                let record = Record::new(boot, self.number(), within);
                UndoFile::in_directory(directory, record)?
            }
        };
        Ok(self.undo.insert(undo))
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
pub(crate) enum ChangeError {
    /// This boot has no number.
    #[error("read boot_id: {0}")]
    Boot(io::Error),
    /// The undo file could not be written.
    #[error(transparent)]
    Undo(#[from] WriteUndoError),
}
