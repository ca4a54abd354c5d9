//! Names that no death has any more.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Their numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unused {
    pub(crate) owners: Vec<i64>,
    pub(crate) reasons: Vec<i64>,
    pub(crate) settings: Vec<i64>,
    pub(crate) destroyers: Vec<i64>,
}

/// Opens a history to search it, while it is being written.
pub(crate) fn open(file: &Path) -> Result<Connection, rusqlite::Error> {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Reads all deaths.
pub(crate) fn find(connection: &Connection) -> Result<Unused, rusqlite::Error> {
    let of = |table: &str| -> Result<Vec<i64>, rusqlite::Error> {
        let unused = format!(
            "SELECT id FROM {table} WHERE id NOT IN \
             (SELECT {table} FROM death WHERE {table} IS NOT NULL)"
        );
        let mut unused = connection.prepare(&unused)?;
        unused.query_map([], |row| row.get(0))?.collect()
    };
    Ok(Unused {
        owners: of("owner")?,
        reasons: of("reason")?,
        settings: of("settings")?,
        destroyers: of("destroyer")?,
    })
}
