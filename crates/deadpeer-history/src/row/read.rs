//! Rows as the record of a death.

use std::net::{IpAddr, SocketAddr};

use deadpeer_report::raw::RawText;
use deadpeer_report::record;
use rusqlite::Row;
use rusqlite::types::{FromSql, Type, Value};
use serde::de::DeserializeOwned;

use crate::time::from_micros;

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

/// Somebody has written what deadpeer does not write.
fn unreadable(
    place: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(place, Type::Text, Box::new(error))
}

fn payload(bytes: Option<u64>, flags: Option<u64>) -> Option<u64> {
    Some(bytes?.saturating_sub(flags?))
}
