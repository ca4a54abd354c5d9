//! Groups as a table, and the summary.

use std::io::Write;
use std::time::{Duration, SystemTime};

use deadpeer_core::close_reason::CloseCause;
use deadpeer_history::Since;
use deadpeer_report::duration::{Upper, milliseconds};
use deadpeer_report::plural::plural;
use deadpeer_report::record::{CauseCount, DeathGroup, History, LostDeaths, Place};
use deadpeer_report::sanitize::sanitize;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::groups::By;
use super::request::Request;
use crate::exit::Stop;
use crate::text::look::Look;
use crate::text::table::{Column, Table};

/// Writes the table.
pub(super) fn write(
    groups: &[DeathGroup],
    by: By,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let columns = match by {
        By::Cause => vec![DEATHS, Column::text("WHY"), SHORTEST, Column::text("LAST")],
        By::Service => vec![DEATHS, Column::text("SERVICE"), SHORTEST, WHY],
        By::Peer => vec![DEATHS, Column::text("PEERS"), LONGEST, SHORTEST, WHY],
        By::Hour => vec![DEATHS, Column::text("HOUR"), WHY],
    };
    let mut table = Table::new(&mut *out, look, &columns);
    for group in groups {
        table.row(|row| {
            row.plain(group.deaths).plain(name(group));
            match by {
                By::Cause => row
                    .plain(silence(group.fatal_silence_ms))
                    .plain(local(&group.last_at, "%Y-%m-%d %H:%M:%S")),
                By::Service => row
                    .plain(silence(group.fatal_silence_ms))
                    .plain(causes(&group.causes)),
                By::Peer => row
                    .plain(silence(group.survived_silence_ms))
                    .plain(silence(group.fatal_silence_ms))
                    .plain(causes(&group.causes)),
                By::Hour => row.plain(causes(&group.causes)),
            };
        })?;
    }
    table.finish()?;
    Ok(())
}

const DEATHS: Column = Column::number("DEATHS");
const LONGEST: Column = Column::number("SURVIVED");
const SHORTEST: Column = Column::number("GIVEN UP AFTER");
const WHY: Column = Column::text("WHY").fold(1);

fn name(group: &DeathGroup) -> String {
    if let Some(cause) = &group.cause {
        return phrase(cause);
    }
    if let Some(network) = &group.network {
        return sanitize(network).into_owned();
    }
    if let Some(hour) = &group.hour {
        return local(hour, "%Y-%m-%d %H:00");
    }
    let process = match &group.process {
        Some(process) => process.to_string(),
        None => "?".to_owned(),
    };
    let arrow = match group.direction.as_deref() {
        Some("outgoing") => "-> ",
        _ => "",
    };
    format!("{process} {arrow}:{}", group.port.unwrap_or(0))
}

fn causes(causes: &[CauseCount]) -> String {
    let each: Vec<String> = causes
        .iter()
        .map(|count| format!("{} {}", phrase(&count.cause), count.deaths))
        .collect();
    each.join(", ")
}

fn phrase(cause: &str) -> String {
    match CloseCause::from_word(cause) {
        Some(cause) => cause.phrase().to_owned(),
        None => sanitize(cause).into_owned(),
    }
}

fn silence(ms: Option<u64>) -> String {
    ms.map_or_else(String::new, |ms| {
        Upper(Duration::from_millis(ms)).to_string()
    })
}

fn local(at: &str, form: &str) -> String {
    let at: Timestamp = at.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::system()).strftime(form).to_string()
}

/// Where a program ran: its pod, its container, or a network namespace with a name.
pub(super) fn place(place: &Place) -> String {
    let pod = place.pod.as_ref().and_then(|pod| pod.name.as_deref());
    let container = place.container.as_ref();
    let container = container.and_then(|it| it.name.as_deref().or(it.id.as_deref()));
    let short = container.map(|name| name.get(..12).filter(|_| name.len() == 64).unwrap_or(name));
    match (pod, short, &place.netns_name) {
        (Some(pod), Some(container), _) => format!(" in {}/{}", sanitize(pod), sanitize(container)),
        (None, Some(container), _) => format!(" in {}", sanitize(container)),
        (_, None, Some(netns)) => format!(" in netns {}", sanitize(netns)),
        (_, None, None) => String::new(),
    }
}

/// The last line.
pub(super) fn summary(
    request: &Request,
    since: SystemTime,
    deaths: u64,
    beside: &Since,
) -> History {
    let utc = |at: SystemTime| {
        let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
        format!("{at:.6}")
    };
    let lost = |lost: &deadpeer_history::Lost| LostDeaths {
        deaths: lost.deaths,
        why: lost.why.clone().into(),
    };
    let until = beside.watched.iter().map(|(_, until)| *until).max();
    History {
        file: request.file.as_path().into(),
        since: utc(since),
        deaths,
        ordinary_closes: beside.closes,
        lost: beside.lost.iter().map(lost).collect(),
        recorded_ms: milliseconds(beside.watched_for()),
        recorded_until: until.map(utc),
    }
}

/// The same in words.
pub(super) fn in_words(history: &History) -> String {
    let since = local(&history.since, "%Y-%m-%d %H:%M");
    if history.recorded_until.is_none() {
        return format!("Nothing has recorded deaths since {since}.");
    }
    let mut said = format!("{} since {since}", plural(history.deaths, "death"));
    if history.ordinary_closes > 0 {
        let closes = plural(history.ordinary_closes, "ordinary close");
        said.push_str(&format!("; {closes} on this machine"));
    }
    for lost in &history.lost {
        let why = match lost.why.as_ref() {
            "unseen" => "because they came too fast to be seen",
            "too-many" => "because they came too fast to be written",
            _ => "because the file could not be written",
        };
        said.push_str(&format!("; {} lost {why}", plural(lost.deaths, "more")));
    }
    let recorded = Upper(Duration::from_millis(history.recorded_ms));
    said.push_str(&format!(". Recorded for {recorded} of that time."));
    said
}
