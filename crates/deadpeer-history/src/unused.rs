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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::time::{Duration, SystemTime};

    use deadpeer_core::CloseReason;
    use deadpeer_core::close_reason::LastState;
    use deadpeer_host::Process;
    use deadpeer_host::deaths::{Death, KnownBy, LastOwner};

    use super::*;
    use crate::bounds::Bounds;
    use crate::open::Damaged;
    use crate::reader::Reader;
    use crate::store::{Batch, Store};

    fn died(process: &str, at: SystemTime) -> Batch {
        let ends = (
            "192.0.2.1:80".parse().unwrap(),
            "192.0.2.2:4000".parse().unwrap(),
        );
        let mut death = Death::new(at, 7, ends, CloseReason::of(&LastState::default()));
        let process = Process::named(9, process.as_bytes());
        death.owner = Some(LastOwner {
            process: process.into(),
            known_by: KnownBy::Holding,
        });
        Batch {
            deaths: vec![death],
            ..Batch::default()
        }
    }

    /// Of two whose deaths have gone, one comes back while the search goes on.
    #[test]
    fn a_name_that_is_used_again_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.db");
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
        let (mut store, _) = Store::open(&file, Damaged::Refuse, then).unwrap();
        store.write(&died("gone", then), then).unwrap();
        store.write(&died("comes-back", then), then).unwrap();
        // Within a day's leap, whose clock is trusted.
        let mut now = then;
        for _ in 0..40 {
            now += Duration::from_secs(23 * 3600);
            store.write(&died("stays", now), now).unwrap();
        }
        while store.trim(Bounds::default(), now).unwrap() {}
        store.watch_use();
        let mut unused = find(&open(&file).unwrap()).unwrap();
        unused.owners.sort_unstable();
        assert_eq!(unused.owners, [1, 2]);
        store.write(&died("comes-back", now), now).unwrap();
        store.delete(&unused).unwrap();
        let unused = find(&open(&file).unwrap()).unwrap();
        assert_eq!(unused, Unused::default());
        store.write(&died("gone", now), now).unwrap();
        let mut names = Vec::new();
        let last = now - Duration::from_secs(1);
        let read = Reader::open(&file).unwrap().deaths(last, |death| {
            let name = death.owner.unwrap().process;
            names.push(String::from_utf8(name.as_bytes().to_vec()).unwrap());
            ControlFlow::Continue(())
        });
        read.unwrap();
        assert_eq!(names, ["stays", "comes-back", "gone"]);
    }
}
