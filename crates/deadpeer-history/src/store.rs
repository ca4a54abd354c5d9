//! The file, as whoever writes it has it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use deadpeer_host::deaths::Death;
use deadpeer_host::filter::cgroup;
use ipnet::IpNet;
use rusqlite::Connection;
use rustc_hash::FxHashMap;

use crate::open::{self, Damaged, OpenError, Trouble};
use crate::row::Rows;
use crate::time::{hour, micros};
use crate::unused::Unused;
use crate::watch::Watch;

/// What happened since the last batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// Connections that died.
    pub deaths: Vec<Death>,
    /// Connections that both ends closed in order.
    pub closes: u64,
    /// Deaths that are missing, and why.
    pub lost: Vec<(u64, &'static str)>,
    /// The longest silence that a peer of each network broke, in milliseconds.
    pub survived: FxHashMap<IpNet, u64>,
}

/// A history that is being written.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
    inode: u64,
    rows: Rows,
    cgroups: cgroup::Paths,
    watch: Watch,
}

impl Store {
    /// Opens or makes it; what went wrong meanwhile. `now`: deaths are watched from now on.
    ///
    /// # Errors
    /// It cannot be written; nothing was changed.
    pub fn open(
        path: &Path,
        damaged: Damaged,
        now: SystemTime,
    ) -> Result<(Self, Option<Trouble>), OpenError> {
        let (connection, trouble) = open::open(path, damaged)?;
        let store = Self {
            path: path.to_owned(),
            inode: inode(path),
            rows: Rows::new(),
            cgroups: cgroup::Paths::default(),
            watch: Watch::begin(micros(now), last_watched(&connection, micros(now))),
            connection,
        };
        Ok((store, trouble))
    }

    /// Whether it was taken away, and another may be in its place.
    pub(crate) fn is_gone(&self) -> bool {
        inode(&self.path) != self.inode
    }

    /// Whether all of it can be read. Reads all of it.
    ///
    /// # Errors
    /// It cannot be read at all.
    pub fn is_sound(&self) -> Result<bool, rusqlite::Error> {
        open::is_sound(&self.connection)
    }

    /// Whether a table of it is gone.
    pub(crate) fn lacks_tables(&self) -> bool {
        matches!(open::has_all_tables(&self.connection), Ok(false))
    }

    /// Writes a batch, whole or not at all: of what has been seen until now.
    ///
    /// # Errors
    /// Nothing of it was written.
    pub fn write(&mut self, batch: &Batch, now: SystemTime) -> Result<(), rusqlite::Error> {
        let written = self.try_write(batch, now);
        if written.is_err() {
            self.rows.forget();
        }
        written
    }

    fn try_write(&mut self, batch: &Batch, now: SystemTime) -> Result<(), rusqlite::Error> {
        let now = micros(now);
        self.watch.go_on(now);
        let transaction = self.connection.transaction()?;
        let mut order: Vec<(i64, &Death)> = (batch.deaths.iter())
            .map(|death| (micros(death.at), death))
            .collect();
        order.sort_by_key(|(at, _)| *at);
        let mut free = i64::MIN;
        for (at, death) in order {
            let path = death
                .cgroup
                .and_then(|number| self.cgroups.of(number, Instant::now()));
            free = 1 + self.rows.write(&transaction, at.max(free), death, path)?;
        }
        if batch.closes > 0 {
            transaction.execute(
                "INSERT INTO closes VALUES (?1, ?2) \
                 ON CONFLICT DO UPDATE SET closes = closes + excluded.closes",
                (hour(now), batch.closes.cast_signed()),
            )?;
        }
        for (deaths, why) in &batch.lost {
            transaction.execute(
                "INSERT INTO lost VALUES (?1, ?2, ?3)",
                (now, deaths.cast_signed(), why),
            )?;
        }
        for (network, silent_ms) in &batch.survived {
            transaction.execute(
                "INSERT INTO survived VALUES (?1, ?2, ?3) \
                 ON CONFLICT DO UPDATE SET silent_ms = max(silent_ms, excluded.silent_ms)",
                (hour(now), network.to_string(), silent_ms.cast_signed()),
            )?;
        }
        transaction.execute(
            "INSERT INTO watched VALUES (?1, ?2) ON CONFLICT DO UPDATE SET until = excluded.until",
            (self.watch.since(), now),
        )?;
        transaction.commit()
    }

    /// From now on names that are used are told from those that are not.
    pub(crate) fn watch_use(&mut self) {
        self.rows.watch_use();
    }

    /// Deletes names that no death had when somebody looked, and that have not been used since.
    pub(crate) fn delete(&mut self, unused: &Unused) -> Result<(), rusqlite::Error> {
        // For each of them SQLite would look through all deaths once more.
        self.connection.pragma_update(None, "foreign_keys", false)?;
        let deleted = self.try_delete(unused);
        self.connection.pragma_update(None, "foreign_keys", true)?;
        deleted
    }

    fn try_delete(&mut self, unused: &Unused) -> Result<(), rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        self.rows.delete(&transaction, unused)?;
        transaction.commit()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn watch(&mut self) -> &mut Watch {
        &mut self.watch
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        size(&self.path) + size(&open::log_of(&self.path))
    }
}

/// When somebody watched last before `now`. `None`: nobody has, or it can't be read, which whoever
/// writes will see.
fn last_watched(connection: &Connection, now: i64) -> Option<i64> {
    let last = "SELECT max(until) FROM watched WHERE until <= ?1";
    let last = connection.query_row(last, [now], |row| row.get::<_, Option<i64>>(0));
    last.ok().flatten()
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.ino())
}
