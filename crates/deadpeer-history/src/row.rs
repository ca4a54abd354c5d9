//! A death as the rows that it becomes, and those rows as its record again.

use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use deadpeer_core::{CloseReason, Effective, TcpState};
use deadpeer_host::deaths::Death;
use deadpeer_report::raw::RawText;
use deadpeer_report::record::{self, Word};
use rusqlite::types::{FromSql, Type, Value};
use rusqlite::{Connection, Row, ToSql};
use serde::de::DeserializeOwned;

use crate::names::Names;
use crate::time::from_micros;
use crate::unused::Unused;

/// Writes deaths, whatever repeats once.
#[derive(Debug)]
pub(crate) struct Rows {
    owners: Names<OwnerKey>,
    reasons: Names<(CloseReason, Option<TcpState>)>,
    settings: Names<Effective>,
    destroyers: Names<(RawText, u32, Word)>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OwnerKey {
    process: Option<RawText>,
    known_by: Option<Word>,
    direction: Word,
    local: IpAddr,
    uid: Option<u32>,
    cgroup: Option<u64>,
    path: Option<Arc<Path>>,
    /// As JSON; `None`: nothing is known of it.
    place: Option<String>,
}

const INSERT: &str = "INSERT INTO death VALUES \
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21) \
    ON CONFLICT DO NOTHING";

/// What [`read`] takes, in its order.
pub(crate) const SELECT: &str = "SELECT \
    death.at, reason.cause, reason.text, reason.certain, reason.decided_by, \
    reason.decided_by_text, reason.advice, owner.local_address, death.local_port, \
    death.peer_address, death.peer_port, owner.direction, reason.state, \
    owner.process, death.pid, owner.known_by, \
    destroyer.process, destroyer.pid, destroyer.known_by, \
    owner.uid, owner.cgroup, owner.cgroup_path, owner.place, death.cookie, death.age_ms, death.age_exact, \
    death.silent_ms, death.tcpi_bytes_received, death.received_flags, death.tcpi_bytes_acked, \
    death.acked_flags, death.unread_bytes, death.unacked_bytes, death.tcpi_probes, \
    death.tcpi_retransmits, settings.options \
    FROM death JOIN owner ON owner.id = death.owner JOIN reason ON reason.id = death.reason \
    LEFT JOIN settings ON settings.id = death.settings \
    LEFT JOIN destroyer ON destroyer.id = death.destroyer";

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            owners: Names::new(
                "owner",
                &[
                    "process",
                    "known_by",
                    "direction",
                    "local_address",
                    "uid",
                    "cgroup",
                    "cgroup_path",
                    "place",
                ],
            ),
            reasons: Names::new(
                "reason",
                &[
                    "cause",
                    "text",
                    "certain",
                    "decided_by",
                    "decided_by_text",
                    "advice",
                    "state",
                ],
            ),
            settings: Names::new("settings", &["options"]),
            destroyers: Names::new("destroyer", &["process", "pid", "known_by"]),
        }
    }

    /// Writes one. Says under which time: where the microsecond was taken, it is a later one.
    pub(crate) fn write(
        &mut self,
        connection: &Connection,
        mut at: i64,
        death: &Death,
        path: Option<Arc<Path>>,
    ) -> Result<i64, rusqlite::Error> {
        let said = record::Death::from(death);
        let owner = self.owner(connection, death.local.ip(), &said, path)?;
        let reason = (death.reason, death.state);
        let reason = (self.reasons).number(connection, reason, |_| reason_row(&said))?;
        let settings = match death.settings {
            Some(settings) => Some(self.settings.number(connection, settings, options)?),
            None => None,
        };
        let destroyer = match &said.destroyed_by {
            Some(destroyer) => Some(self.destroyer(connection, destroyer)?),
            None => None,
        };
        let mut insert = connection.prepare_cached(INSERT)?;
        loop {
            let inserted = insert.execute(rusqlite::params![
                at,
                owner,
                reason,
                settings,
                destroyer,
                said.owner.as_ref().map(|owner| owner.pid),
                death.local.port(),
                death.peer.ip().to_string(),
                death.peer.port(),
                death.cookie.cast_signed(),
                said.age_ms.map(signed),
                said.age_exact,
                said.silent_ms.map(signed),
                said.tcpi_bytes_received.map(signed),
                flags(said.tcpi_bytes_received, said.received_bytes),
                said.tcpi_bytes_acked.map(signed),
                flags(said.tcpi_bytes_acked, said.acked_bytes),
                said.unread_bytes,
                said.unacked_bytes,
                said.tcpi_probes,
                said.tcpi_retransmits,
            ])?;
            if inserted > 0 {
                return Ok(at);
            }
            at += 1;
        }
    }

    /// From now on names that are used are told from those that are not.
    pub(crate) fn watch_use(&mut self) {
        self.owners.watch_use();
        self.reasons.watch_use();
        self.settings.watch_use();
        self.destroyers.watch_use();
    }

    /// Deletes names that no death had when somebody looked, and that have not been used since.
    pub(crate) fn delete(
        &mut self,
        connection: &Connection,
        unused: &Unused,
    ) -> Result<(), rusqlite::Error> {
        self.owners.delete(connection, &unused.owners)?;
        self.reasons.delete(connection, &unused.reasons)?;
        self.settings.delete(connection, &unused.settings)?;
        self.destroyers.delete(connection, &unused.destroyers)
    }

    /// After a batch that was not written.
    pub(crate) fn forget(&mut self) {
        self.owners.forget();
        self.reasons.forget();
        self.settings.forget();
        self.destroyers.forget();
    }

    fn owner(
        &mut self,
        connection: &Connection,
        local: IpAddr,
        said: &record::Death,
        path: Option<Arc<Path>>,
    ) -> Result<i64, rusqlite::Error> {
        let owner = said.owner.as_ref();
        let key = OwnerKey {
            process: owner.map(|owner| owner.process.clone()),
            known_by: owner.map(|owner| owner.known_by.clone()),
            direction: said.direction.clone(),
            local,
            uid: said.uid,
            cgroup: said.cgroup,
            path,
            place: place(&said.place),
        };
        self.owners.number(connection, key, |key| {
            let path = key.path.as_deref();
            [
                Box::new(key.process.as_ref().map(|process| name(process.as_bytes()))),
                Box::new(word(key.known_by.as_ref())),
                Box::new(word(Some(&key.direction))),
                Box::new(key.local.to_string()),
                Box::new(key.uid),
                Box::new(key.cgroup.map(u64::cast_signed)),
                Box::new(path.map(|path| name(path.as_os_str().as_encoded_bytes()))),
                Box::new(key.place.clone()),
            ]
        })
    }

    fn destroyer(
        &mut self,
        connection: &Connection,
        destroyer: &record::LastOwner,
    ) -> Result<i64, rusqlite::Error> {
        let record::LastOwner {
            process,
            pid,
            known_by,
        } = destroyer.clone();
        let key = (process, pid, known_by);
        self.destroyers
            .number(connection, key, |(process, pid, known_by)| {
                [
                    Box::new(name(process.as_bytes())),
                    Box::new(*pid),
                    Box::new(word(Some(known_by))),
                ]
            })
    }
}

fn reason_row(said: &record::Death) -> [Box<dyn ToSql>; 7] {
    let limit = said.decided_by.as_ref();
    [
        Box::new(word(Some(&said.cause))),
        Box::new(said.text.clone()),
        Box::new(said.certain),
        Box::new(word(limit.map(|limit| &limit.setting))),
        Box::new(limit.map(|limit| limit.text.clone())),
        Box::new(said.advice.clone()),
        Box::new(word(said.state.as_ref())),
    ]
}

/// A row of [`SELECT`] as the record of the death.
pub(crate) fn read(row: &Row<'_>) -> Result<record::Death, rusqlite::Error> {
    let mut cells = Cells { row, next: 0 };
    let at: i64 = cells.get()?;
    let cause: String = cells.get()?;
    let text = cells.get()?;
    let certain = cells.get()?;
    let decided_by = match (cells.get()?, cells.get()?) {
        (Some::<String>(setting), Some(text)) => Some(record::Limit {
            setting: setting.into(),
            text,
        }),
        _ => None,
    };
    let advice = cells.get()?;
    let (local, peer) = (cells.endpoint()?, cells.endpoint()?);
    let direction: String = cells.get()?;
    let state: Option<String> = cells.get()?;
    let (owner, destroyed_by) = (cells.owner()?, cells.owner()?);
    let uid = cells.get()?;
    let cgroup = cells.unsigned()?;
    let cgroup_path = cells.raw()?;
    let place = cells.json()?.unwrap_or_default();
    let cookie: i64 = cells.get()?;
    let age_ms = cells.unsigned()?;
    let age_exact = cells.get()?;
    let silent_ms = cells.unsigned()?;
    let tcpi_bytes_received = cells.unsigned()?;
    let received_bytes = payload(tcpi_bytes_received, cells.unsigned()?);
    let tcpi_bytes_acked = cells.unsigned()?;
    let acked_bytes = payload(tcpi_bytes_acked, cells.unsigned()?);
    Ok(record::Death {
        place,
        at: humantime::format_rfc3339_micros(from_micros(at)).to_string(),
        cause: cause.into(),
        text,
        certain,
        decided_by,
        advice,
        local,
        peer,
        direction: direction.into(),
        state: state.map(Into::into),
        owner,
        destroyed_by,
        uid,
        cgroup,
        cgroup_path,
        cookie: cookie.cast_unsigned(),
        age_ms,
        age_exact,
        silent_ms,
        tcpi_bytes_received,
        tcpi_bytes_acked,
        received_bytes,
        acked_bytes,
        unread_bytes: cells.get()?,
        unacked_bytes: cells.get()?,
        tcpi_probes: cells.get()?,
        tcpi_retransmits: cells.get()?,
        settings: cells.json()?,
    })
}

/// The values of a row, one after the other.
struct Cells<'a, 'r> {
    row: &'a Row<'r>,
    next: usize,
}

impl Cells<'_, '_> {
    fn get<T: FromSql>(&mut self) -> Result<T, rusqlite::Error> {
        let place = self.next;
        self.next += 1;
        self.row.get(place)
    }

    fn unsigned(&mut self) -> Result<Option<u64>, rusqlite::Error> {
        let value: Option<i64> = self.get()?;
        Ok(value.map(i64::cast_unsigned))
    }

    fn raw(&mut self) -> Result<Option<RawText>, rusqlite::Error> {
        Ok(match self.get()? {
            Value::Text(text) => Some(text.as_str().into()),
            Value::Blob(bytes) => Some(bytes.as_slice().into()),
            Value::Null | Value::Integer(_) | Value::Real(_) => None,
        })
    }

    fn endpoint(&mut self) -> Result<String, rusqlite::Error> {
        let (place, ip): (usize, String) = (self.next, self.get()?);
        let ip: IpAddr = ip.parse().map_err(|error| unreadable(place, error))?;
        Ok(SocketAddr::new(ip, self.get()?).to_string())
    }

    fn owner(&mut self) -> Result<Option<record::LastOwner>, rusqlite::Error> {
        let found = (self.raw()?, self.get()?, self.get()?);
        let (Some(process), Some(pid), Some::<String>(known_by)) = found else {
            return Ok(None);
        };
        Ok(Some(record::LastOwner {
            process,
            pid,
            known_by: known_by.into(),
        }))
    }

    fn json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, rusqlite::Error> {
        let place = self.next;
        let Some::<String>(text) = self.get()? else {
            return Ok(None);
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| unreadable(place, error))
    }
}

fn place(place: &record::Place) -> Option<String> {
    let is_known = *place != record::Place::default();
    is_known.then(|| serde_json::to_string(place).unwrap_or_default())
}

/// Somebody has written what deadpeer does not write.
fn unreadable(
    place: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(place, Type::Text, Box::new(error))
}

/// Bytes that need not be UTF-8.
fn name(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Blob(bytes.to_owned()),
    }
}

fn word(word: Option<&Word>) -> Option<String> {
    word.map(|word| word.clone().into_owned())
}

fn options(settings: &Effective) -> [Box<dyn ToSql>; 1] {
    let options = record::Options::from(settings);
    [Box::new(
        serde_json::to_string(&options).unwrap_or_default(),
    )]
}

/// SQLite has no larger numbers. A connection lives no 292 million years and carries no 8 EiB.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How much of a count was no payload.
fn flags(bytes: Option<u64>, payload: Option<u64>) -> Option<i64> {
    Some(signed(bytes?.saturating_sub(payload?)))
}

fn payload(bytes: Option<u64>, flags: Option<u64>) -> Option<u64> {
    Some(bytes?.saturating_sub(flags?))
}
