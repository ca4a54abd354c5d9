//! The audit by service: one row for all connections that a program has on one listening address,
//! or to one port.

use std::io::Write;
use std::ops::ControlFlow;

use deadpeer_core::Finding;
use deadpeer_host::audit::{Audit, Basis, Machine, Tally};
use deadpeer_host::{Query, Service, Tables};
use deadpeer_report::plural::plural;
use deadpeer_report::record;
use deadpeer_report::sanitize::sanitize_bytes;

use super::advice::remedy_on;
use super::cells::{PLACE, answer};
use super::words::{BasisWords, GivenUpWords, PlaceWords, RoleWords};
use crate::exit::Stop;
use crate::output::{Output, line};
use crate::remedy::Remedies;
use crate::text::look::Look;
use crate::text::style;
use crate::text::table::{Column, Row, Table as TextTable};

const COLUMNS: [Column; 8] = [
    Column::program("PROCESS"),
    PLACE,
    Column::address("SERVICE").fold(1),
    Column::number("CONNS"),
    Column::number("IDLE"),
    Column::number("IN FLIGHT"),
    Column::number("LATE WRITE"),
    Column::text("SETTINGS IN FORCE").fold(2),
];

/// Reads, adds up and prints.
pub(super) fn run(
    audit: &Audit,
    tables: &mut Tables,
    query: &Query,
    remedies: &mut Option<Remedies>,
    output: Output,
    out: &mut impl Write,
) -> Result<Machine, Stop> {
    let machine = audit.each(tables, query, |_| ControlFlow::Continue(()))?;
    match output {
        Output::Text(_) if machine.services.is_empty() => {}
        Output::Text(look) => write(audit, &machine, remedies, look, out)?,
        Output::Json => write_json(&machine, remedies, |_| true, out)?,
    }
    Ok(machine)
}

/// The services that are wanted, each with what to write for its program.
pub(super) fn write_json(
    machine: &Machine,
    remedies: &mut Option<Remedies>,
    wanted: impl Fn(&record::Service) -> bool,
    out: &mut impl Write,
) -> Result<(), Stop> {
    for service in &machine.services {
        let mut record = record::Service::from(service);
        record.remedy = remedy_on(machine, remedies, service).map(|remedy| remedy.record());
        if wanted(&record) {
            line(out, &record)?;
        }
    }
    Ok(())
}

fn write(
    audit: &Audit,
    machine: &Machine,
    remedies: &mut Option<Remedies>,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let places = machine.has_places();
    let mut shown = TextTable::new(&mut *out, look, &COLUMNS);
    // Several services of a program have one remedy.
    let mut said: Vec<Vec<String>> = Vec::new();
    for service in &machine.services {
        shown.row(|row| fill(row, audit, look, service, places))?;
        for note in notes(service) {
            shown.note(style::NOTE, note)?;
        }
        let remedy = remedy_on(machine, remedies, service).map(|remedy| remedy.notes());
        match remedy {
            None => {}
            Some(remedy) if said.contains(&remedy) => {
                shown.note(style::PLAIN, "see above for what to write".to_owned())?;
            }
            Some(remedy) => {
                for note in &remedy {
                    shown.note(style::PLAIN, note.clone())?;
                }
                said.push(remedy);
            }
        }
    }
    shown.finish()?.write_all(b"\n")?;
    Ok(())
}

fn fill(row: &mut Row, audit: &Audit, look: Look, service: &Service<Tally>, places: bool) {
    let tally = &service.value;
    let basis = tally
        .settings
        .first()
        .map_or(Basis::Nobody, |(basis, _)| *basis);
    let (netns, workload) = (service.netns.as_deref(), service.workload.as_deref());
    row.known(service.process.as_deref().map(sanitize_bytes))
        .maybe(places.then_some(PlaceWords { netns, workload }))
        .plain(RoleWords(service.role))
        .plain(tally.connections.count);
    // A listener alone that is not what counts.
    let overruled = tally.listener_overruled && tally.connections.count == 0;
    let deadline = audit.deadline().filter(|_| !overruled);
    for told in tally.share().worst.bounds() {
        answer(row, look, deadline, &basis, told);
    }
    match tally.settings.len() {
        0 | 1 => row.plain(BasisWords(&basis)),
        n => row.plain(format_args!(
            "{} (+{})",
            BasisWords(&basis),
            plural(n as u64 - 1, "other")
        )),
    };
}

/// What is odd about a service, in sentences.
fn notes(service: &Service<Tally>) -> Vec<String> {
    let tally = &service.value;
    let sockets = tally.connections.held + tally.listeners.held;
    let of_all = |count: u64| match count {
        count if count == sockets => String::new(),
        count => format!(" ({count} of {})", plural(sockets, "socket")),
    };
    let sentences = tally.findings.iter().map(|(finding, count)| {
        let sentence = match *finding == Finding::NotInherited {
            true => format!("{finding}: {}", tally.not_inherited.join(", ")),
            false => finding.to_string(),
        };
        (sentence, *count)
    });
    let mut notes: Vec<String> = each_once(sentences)
        .into_iter()
        .map(|(sentence, count)| format!("{sentence}{}", of_all(count)))
        .collect();
    let unread: u64 = tally
        .settings
        .iter()
        .filter(|(basis, _)| matches!(basis, Basis::Unread(_)))
        .map(|(_, count)| count)
        .sum();
    if unread > 0 && unread < sockets {
        notes.push(format!("settings unknown{}", of_all(unread)));
    }
    if let Some(last) = tally.closed.last {
        let what = match tally.closed.count {
            1 => "1 connection is closed and not gone yet:".to_owned(),
            n => format!("{n} connections are closed and not gone yet, the last"),
        };
        notes.push(format!("{what} {}", GivenUpWords(last)));
    }
    if tally.listener_overruled {
        notes.push("the listener's own settings would miss it: the program sets those of its connections itself".into());
    }
    notes
}

/// Findings that differ by less than is written read the same, and are said once.
fn each_once(sentences: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut once: Vec<(String, u64)> = Vec::new();
    for (sentence, count) in sentences {
        match once.iter_mut().find(|(known, _)| *known == sentence) {
            Some((_, known)) => *known += count,
            None => once.push((sentence, count)),
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::each_once;

    #[test]
    fn what_reads_the_same_is_said_once() {
        let of = |sentence: &str, count| (sentence.to_owned(), count);
        let said = [
            of("lost after 1.4 s", 2),
            of("full", 1),
            of("lost after 1.4 s", 3),
        ];
        let once = [of("lost after 1.4 s", 5), of("full", 1)];
        assert_eq!(each_once(said.into_iter()), once);
    }
}
