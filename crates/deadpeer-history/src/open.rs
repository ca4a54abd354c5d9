//! Opening the file for writing: made where there is none, brought to today's tables where it is
//! older, moved aside where it is damaged.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// In the header of the file: it is deadpeer's ("dead").
pub(crate) const APPLICATION: i32 = 0x6465_6164;
/// What leads from each version of the tables to the next.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];
/// Today's version of the tables.
const VERSION: i32 = MIGRATIONS.len() as i32;
/// The least that a page has, and with it a database that is not empty.
const SMALLEST: u64 = 512;
/// Another program may hold the file for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to do with a file that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    /// Move it aside and begin a new one, and make its folder if there is none: what a daemon does,
    /// whose file it is.
    MoveAside,
    /// Refuse it: the path may be a slip of the keyboard.
    Refuse,
}

/// A history cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made.
    #[error("cannot make {}: {error}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is a database of another program.
    #[error("{} is a database of another program", .0.display())]
    Foreign(PathBuf),
    /// A newer deadpeer has written it.
    #[error("{} was written by a newer deadpeer (its tables are of version {version})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its tables.
        version: i32,
    },
    /// It is no database, or is damaged.
    #[error("{} is not a history, or is damaged", .0.display())]
    Damaged(PathBuf),
    /// It was damaged, and cannot be moved aside.
    #[error("{} is damaged and cannot be moved aside: {error}", path.display())]
    MoveAside {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// SQLite refuses.
    #[error("cannot open {}: {error}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        error: rusqlite::Error,
    },
}

impl OpenError {
    /// Whether it may pass by itself: a disk is full or fails, or another program holds the file.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Make { error, .. } | Self::MoveAside { error, .. } => matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            Self::Sqlite { error, .. } => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                )
            ),
            Self::Foreign(_) | Self::Newer { .. } | Self::Damaged(_) => false,
        }
    }
}

/// What went wrong with a history that goes on all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It was damaged. What was in it is here.
    MovedAside(PathBuf),
    /// It was taken away, and a new one was begun.
    Gone,
    /// It cannot be written now.
    Unwritable(String),
    /// It can be written again.
    Writable,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MovedAside(to) => write!(
                f,
                "the history was damaged: it was moved to {}, and a new one was begun",
                to.display()
            ),
            Self::Gone => f.write_str("the history was removed, and a new one was begun"),
            Self::Unwritable(why) => write!(f, "the history cannot be written: {why}"),
            Self::Writable => f.write_str("the history can be written again"),
        }
    }
}

/// Opens or makes it. Says where a damaged one was moved to.
pub(crate) fn open(
    path: &Path,
    damaged: Damaged,
) -> Result<(Connection, Option<Trouble>), OpenError> {
    if damaged == Damaged::MoveAside {
        make_folder(path)?;
    }
    match (try_open(path), damaged) {
        (Err(OpenError::Damaged(_)), Damaged::MoveAside) => {
            let aside = move_aside(path)?;
            Ok((try_open(path)?, Some(Trouble::MovedAside(aside))))
        }
        (opened, _) => Ok((opened?, None)),
    }
}

/// Reads all of it, and finds damage that opening does not.
pub(crate) fn is_sound(connection: &Connection) -> Result<bool, rusqlite::Error> {
    match connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(said) => Ok(said == "ok"),
        Err(error) if is_damage(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an error says that the file is damaged.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// The file whose name ends so behind that of the history.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The log that stands beside the file while it is being written.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// Moves the file and what belongs to it aside.
pub(crate) fn move_aside(path: &Path) -> Result<PathBuf, OpenError> {
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    let mut aside = beside(path, &format!(".damaged-{now}"));
    for again in 1.. {
        if !aside.exists() {
            break;
        }
        aside = beside(path, &format!(".damaged-{now}-{again}"));
    }
    for end in ["-wal", "-shm", ""] {
        match fs::rename(beside(path, end), beside(&aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::MoveAside {
                    path: path.to_owned(),
                    error,
                });
            }
            _ => {}
        }
    }
    Ok(aside)
}

fn make_folder(path: &Path) -> Result<(), OpenError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| not_made(path, error))
}

fn not_made(path: &Path, error: io::Error) -> OpenError {
    OpenError::Make {
        path: path.to_owned(),
        error,
    }
}

fn try_open(path: &Path) -> Result<Connection, OpenError> {
    make(path).map_err(|error| not_made(path, error))?;
    // SQLite takes it for nothing, and writes over it.
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if (1..SMALLEST).contains(&length) {
        return Err(OpenError::Damaged(path.to_owned()));
    }
    let sqlite = |error| match is_damage(&error) {
        true => OpenError::Damaged(path.to_owned()),
        false => OpenError::Sqlite {
            path: path.to_owned(),
            error,
        },
    };
    let mut connection = Connection::open(path).map_err(sqlite)?;
    let (application, version) = (|| {
        connection.busy_timeout(PATIENCE)?;
        Ok((
            number(&connection, "application_id")?,
            number(&connection, "user_version")?,
        ))
    })()
    .map_err(sqlite)?;
    let is_new =
        application == 0 && version == 0 && tables(&connection).map_err(sqlite)?.is_empty();
    if !is_new && application != APPLICATION {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    if version > VERSION {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            version,
        });
    }
    prepare(&connection).map_err(sqlite)?;
    migrate(&mut connection).map_err(sqlite)?;
    match has_all_tables(&connection).map_err(sqlite)? {
        true => Ok(connection),
        false => Err(OpenError::Damaged(path.to_owned())),
    }
}

/// Nobody but its owner and group reads who talks to whom.
fn make(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => expect_file(path),
        made => made.map(|_| ()),
    }
}

/// A FIFO or a device would be waited for.
pub(crate) fn expect_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// How it is written.
fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    // Takes effect on a file that has no tables yet.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    // Survives a kill at any moment; the last seconds before a power failure may be missing.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", 4 << 20)
}

/// Brings the tables to today's version. Another process may do so at the same moment.
fn migrate(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    if number(connection, "user_version")? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = number(&transaction, "user_version")?;
    for sql in MIGRATIONS
        .iter()
        .skip(usize::try_from(version).unwrap_or(0))
    {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn number(connection: &Connection, pragma: &str) -> Result<i32, rusqlite::Error> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Whether none of today's tables is missing: another program may have dropped it.
pub(crate) fn has_all_tables(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let fresh = Connection::open_in_memory()?;
    for sql in MIGRATIONS {
        fresh.execute_batch(sql)?;
    }
    Ok(tables(&fresh)?.is_subset(&tables(connection)?))
}

fn tables(connection: &Connection) -> Result<BTreeSet<String>, rusqlite::Error> {
    let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    names.query_map([], |row| row.get(0))?.collect()
}
