//! A history neither grows without end nor goes back without end.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension as _};

use crate::store::Store;
use crate::time::{hour, micros};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Nothing older.
    pub age: Duration,
    /// The file is no larger. What is not yet in it stands in a log beside it, some megabytes.
    pub bytes: u64,
}

impl Default for Bounds {
    /// 30 days or 256 MiB: some three million deaths.
    fn default() -> Self {
        Self {
            age: Duration::from_secs(30 * 24 * 3600),
            bytes: 256 << 20,
        }
    }
}

/// Where it is too large, so much of the whole goes.
const PART: i64 = 32;
/// So many deaths are deleted at once, so that those that come meanwhile do not wait for long.
const AT_ONCE: i64 = 100_000;

impl Store {
    /// Deletes what is older than the bounds say, and then the oldest until the rest fits: a part
    /// of it, so that nobody waits for long. Returns whether there is more. Gives the space back to
    /// the file system. For an hour after the clock leapt by more than a day nothing is too old: it
    /// may have been set by mistake.
    ///
    /// # Errors
    /// A part may have been deleted.
    pub fn trim(&mut self, bounds: Bounds, now: SystemTime) -> Result<bool, rusqlite::Error> {
        let oldest = micros(
            now.checked_sub(bounds.age)
                .unwrap_or(SystemTime::UNIX_EPOCH),
        );
        let trusts_clock = self.watch().go_on(micros(now)).trusts_clock();
        let connection = self.connection();
        let largest = i64::try_from(bounds.bytes).unwrap_or(i64::MAX);
        let too_much = match used(connection)? > largest - largest / PART {
            true => end_of_the_oldest_part(connection)?,
            false => None,
        };
        let Some(before) = trusts_clock.then_some(oldest).max(too_much) else {
            return Ok(false);
        };
        let part = at(connection, AT_ONCE)?.map_or(before, |part| part.min(before));
        forget_before(connection, part)?;
        give_back(connection)?;
        Ok(part < before || too_much.is_some())
    }

    /// How many deaths are in it.
    pub(crate) fn deaths(&mut self) -> Result<u64, rusqlite::Error> {
        deaths(self.connection()).map(i64::cast_unsigned)
    }
}

fn deaths(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("SELECT count(*) FROM death", [], |row| row.get(0))
}

fn forget_before(connection: &mut Connection, oldest: i64) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM death WHERE at < ?1", [oldest])?;
    transaction.execute("DELETE FROM lost WHERE at < ?1", [oldest])?;
    transaction.execute("DELETE FROM watched WHERE until < ?1", [oldest])?;
    transaction.execute("DELETE FROM closes WHERE hour < ?1", [hour(oldest)])?;
    transaction.execute("DELETE FROM survived WHERE hour < ?1", [hour(oldest)])?;
    transaction.commit()
}

/// Until when the oldest part lasts. `None`: there is nothing left to delete.
fn end_of_the_oldest_part(connection: &Connection) -> Result<Option<i64>, rusqlite::Error> {
    let deaths = deaths(connection)?;
    if deaths == 0 {
        return Ok(None);
    }
    let first_kept = at(connection, deaths / PART)?;
    Ok(first_kept.map(|at| at + i64::from(deaths < PART)))
}

/// When the one died before which so many did.
fn at(connection: &Connection, place: i64) -> Result<Option<i64>, rusqlite::Error> {
    let at = "SELECT at FROM death ORDER BY at LIMIT 1 OFFSET ?1";
    connection
        .query_row(at, [place], |row| row.get(0))
        .optional()
}

/// Bytes of pages that hold something.
fn used(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row(
        "SELECT (page_count - freelist_count) * page_size \
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        [],
        |row| row.get(0),
    )
}

/// Returns what is free to the file system.
fn give_back(connection: &Connection) -> Result<(), rusqlite::Error> {
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}
