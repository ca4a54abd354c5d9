//! A death as the rows that it becomes, and those rows as its record again.

mod read;

pub(crate) use read::{SELECT, read};

use std::hash::Hash;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use deadpeer_core::{CloseReason, Effective, TcpState};
use deadpeer_host::deaths::Death;
use deadpeer_report::raw::RawText;
use deadpeer_report::record::{self, Word};
use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};

use crate::names::Names;
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
        let reason = (death.reason, death.last.state);
        let reason = (self.reasons).number(connection, reason, |_| reason_row(&said))?;
        let settings = match death.last.settings {
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

fn place(place: &record::Place) -> Option<String> {
    let is_known = *place != record::Place::default();
    is_known.then(|| serde_json::to_string(place).unwrap_or_default())
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
