//! What is remembered, as whoever asks gets it.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use deadpeer_report::record;
use ipnet::IpNet;
use rusqlite::{Connection, OpenFlags};

use crate::open::{APPLICATION, expect_file, is_damage, log_of};
use crate::row;
use crate::time::{from_micros, hour, micros};

/// A history to read, while another process may be writing it.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// A history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none, or it cannot be opened.
    #[error("cannot read {}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is none.
    #[error("{} is not a history of deadpeer", .0.display())]
    NoHistory(PathBuf),
    /// It is damaged.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// SQLite refuses.
    #[error("cannot read {}: {error}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        error: rusqlite::Error,
    },
}

/// Deaths that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub deaths: u64,
    /// A word: "unseen" (the kernel lost them), "too-many" or "unwritable".
    pub why: String,
}

/// What is known beside the deaths since some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since {
    /// Connections that both ends closed in order; those of the whole first hour.
    pub closes: u64,
    /// Deaths that are missing.
    pub lost: Vec<Lost>,
    /// When somebody watched, from when to when; the first may have begun earlier.
    pub watched: Vec<(SystemTime, SystemTime)>,
}

impl Since {
    /// For how long somebody watched.
    #[must_use]
    pub fn watched_for(&self) -> Duration {
        let spans = self.watched.iter();
        spans
            .map(|(since, until)| until.duration_since(*since).unwrap_or_default())
            .sum()
    }
}

impl Reader {
    /// Opens it; changes nothing.
    ///
    /// # Errors
    /// It is not there, not to be read, or none.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        // SQLite says neither which file is missing nor who may not read it.
        expect_file(path)
            .and_then(|()| std::fs::File::open(path))
            .map_err(|error| ReadError::Open {
                path: path.to_owned(),
                error,
            })?;
        let connection = connect(path).map_err(|error| not_read(path, error))?;
        let application = connection
            .pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0))
            .map_err(|error| not_read(path, error))?;
        match application == APPLICATION {
            true => Ok(Self {
                path: path.to_owned(),
                connection,
            }),
            false => Err(ReadError::NoHistory(path.to_owned())),
        }
    }

    /// Shows every death since then, the oldest first, to `visit`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn deaths(
        &self,
        since: SystemTime,
        mut visit: impl FnMut(record::Death) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.read(|connection| {
            let select = format!("{} WHERE death.at >= ?1 ORDER BY death.at", row::SELECT);
            let mut select = connection.prepare(&select)?;
            let mut rows = select.query([micros(since)])?;
            while let Some(row) = rows.next()? {
                if visit(row::read(row)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// What else is known since then.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn since(&self, since: SystemTime) -> Result<Since, ReadError> {
        let since = micros(since);
        self.read(|connection| {
            let closes: i64 = connection.query_row(
                "SELECT coalesce(sum(closes), 0) FROM closes WHERE hour >= ?1",
                [hour(since)],
                |row| row.get(0),
            )?;
            let mut lost = connection
                .prepare("SELECT sum(deaths), why FROM lost WHERE at >= ?1 GROUP BY why")?;
            let lost = lost.query_map([since], |row| {
                Ok(Lost {
                    deaths: row.get::<_, i64>(0)?.cast_unsigned(),
                    why: row.get(1)?,
                })
            })?;
            let mut watched = connection.prepare(
                "SELECT max(since, ?1), until FROM watched WHERE until >= ?1 ORDER BY since",
            )?;
            let watched = watched.query_map([since], |row| {
                Ok((from_micros(row.get(0)?), from_micros(row.get(1)?)))
            })?;
            Ok(Since {
                closes: closes.cast_unsigned(),
                lost: lost.collect::<Result<_, _>>()?,
                watched: watched.collect::<Result<_, _>>()?,
            })
        })
    }

    /// The longest silence that a peer of each network broke since then, counted in whole hours.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn survived(&self, since: SystemTime) -> Result<Vec<(IpNet, Duration)>, ReadError> {
        self.read(|connection| {
            let mut longest = connection.prepare(
                "SELECT network, max(silent_ms) FROM survived WHERE hour >= ?1 GROUP BY network",
            )?;
            let mut rows = longest.query([hour(micros(since))])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let network: String = row.get(0)?;
                let silence = Duration::from_millis(row.get::<_, i64>(1)?.cast_unsigned());
                found.extend(network.parse().map(|network| (network, silence)));
            }
            Ok(found)
        })
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, ReadError> {
        read(&self.connection).map_err(|error| not_read(&self.path, error))
    }
}

/// A file that nobody is writing needs no companions, which we may not be permitted to make.
fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = |connection: Connection| -> Result<Connection, rusqlite::Error> {
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let opened = Connection::open_with_flags(path, flags).and_then(connect);
    match opened {
        Err(error) if !is_damage(&error) && !log_of(path).exists() => {
            let uri = format!("file:{}?immutable=1", encoded(path));
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(uri, flags).and_then(connect)
        }
        opened => opened,
    }
}

/// A path in a URI, as SQLite reads it (sqlite.org/uri.html).
fn encoded(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    bytes
        .iter()
        .map(|byte| match plain(*byte) {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02x}"),
        })
        .collect()
}

fn not_read(path: &Path, error: rusqlite::Error) -> ReadError {
    use rusqlite::ErrorCode;

    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => ReadError::NoHistory(path),
        Some(ErrorCode::DatabaseCorrupt) => ReadError::Damaged(path),
        _ => ReadError::Sqlite { path, error },
    }
}
