//! What repeats stands once, in a table of its own, and a death has its number.

use std::hash::Hash;

use rusqlite::{Connection, ToSql};
use rustc_hash::{FxHashMap, FxHashSet};

/// So many names are remembered before all are forgotten; the table has them.
const REMEMBERED: usize = 65_536;

/// The numbers of one table's rows.
#[derive(Debug)]
pub(crate) struct Names<K> {
    table: &'static str,
    find: String,
    add: String,
    numbers: FxHashMap<K, i64>,
    /// Those that were used since somebody began to look for those that nobody uses.
    used: FxHashSet<i64>,
}

impl<K: Hash + Eq> Names<K> {
    /// Of a table with these columns beside its `id`.
    pub(crate) fn new(table: &'static str, columns: &[&str]) -> Self {
        let asked: Vec<String> = (columns.iter().enumerate())
            .map(|(index, column)| format!("{column} IS ?{}", index + 1))
            .collect();
        let places: Vec<String> = (1..=columns.len())
            .map(|index| format!("?{index}"))
            .collect();
        Self {
            table,
            find: format!("SELECT id FROM {table} WHERE {}", asked.join(" AND ")),
            add: format!(
                "INSERT INTO {table} ({}) VALUES ({})",
                columns.join(", "),
                places.join(", ")
            ),
            numbers: FxHashMap::default(),
            used: FxHashSet::default(),
        }
    }

    /// The number of the row with these values, which is made if there is none.
    pub(crate) fn number<const N: usize>(
        &mut self,
        connection: &Connection,
        key: K,
        values: impl FnOnce(&K) -> [Box<dyn ToSql>; N],
    ) -> Result<i64, rusqlite::Error> {
        if let Some(number) = self.numbers.get(&key) {
            self.used.insert(*number);
            return Ok(*number);
        }
        let values = values(&key);
        let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
        let mut find = connection.prepare_cached(&self.find)?;
        let number = match find.query_row(values.as_slice(), |row| row.get(0)) {
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                connection
                    .prepare_cached(&self.add)?
                    .execute(values.as_slice())?;
                connection.last_insert_rowid()
            }
            found => found?,
        };
        if self.numbers.len() >= REMEMBERED {
            self.numbers.clear();
        }
        self.numbers.insert(key, number);
        self.used.insert(number);
        Ok(number)
    }

    /// From now on those that are used are told from those that are not.
    pub(crate) fn watch_use(&mut self) {
        self.used.clear();
    }

    /// Deletes rows that no death had when somebody looked, and that have not been used since.
    pub(crate) fn delete(
        &mut self,
        connection: &Connection,
        unused: &[i64],
    ) -> Result<(), rusqlite::Error> {
        let unused: FxHashSet<i64> = (unused.iter().copied())
            .filter(|number| !self.used.contains(number))
            .collect();
        let delete = format!("DELETE FROM {} WHERE id = ?1", self.table);
        let mut delete = connection.prepare(&delete)?;
        for number in &unused {
            delete.execute([number])?;
        }
        self.numbers.retain(|_, number| !unused.contains(number));
        Ok(())
    }

    /// After a batch that was not written.
    pub(crate) fn forget(&mut self) {
        self.numbers.clear();
    }
}
