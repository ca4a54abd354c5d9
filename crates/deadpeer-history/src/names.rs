//! What repeats stands once, in a table of its own, and a death has its number.

use std::hash::Hash;

use rusqlite::{Connection, ToSql};
use rustc_hash::FxHashMap;

/// So many names are remembered before all are forgotten; the table has them.
const REMEMBERED: usize = 65_536;

/// The numbers of one table's rows.
#[derive(Debug)]
pub(crate) struct Names<K> {
    find: String,
    add: String,
    numbers: FxHashMap<K, i64>,
}

impl<K: Hash + Eq> Names<K> {
    /// Of a table with these columns beside its `id`.
    pub(crate) fn new(table: &str, columns: &[&str]) -> Self {
        let asked: Vec<String> = (columns.iter().enumerate())
            .map(|(index, column)| format!("{column} IS ?{}", index + 1))
            .collect();
        let places: Vec<String> = (1..=columns.len())
            .map(|index| format!("?{index}"))
            .collect();
        Self {
            find: format!("SELECT id FROM {table} WHERE {}", asked.join(" AND ")),
            add: format!(
                "INSERT INTO {table} ({}) VALUES ({})",
                columns.join(", "),
                places.join(", ")
            ),
            numbers: FxHashMap::default(),
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
        Ok(number)
    }

    /// After a batch that was not written.
    pub(crate) fn forget(&mut self) {
        self.numbers.clear();
    }
}
