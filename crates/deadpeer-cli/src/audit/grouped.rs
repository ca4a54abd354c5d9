//! The audit by service: one row for all connections that a program has on one listening address, or to one port.

use super::cells::{answer, column, text};
use super::json::ServiceJson;
use super::judge::Basis;
use super::summary::Summary;
use super::tally::{Tally, overrule_listeners};
use super::words::{BasisWords, RoleWords};
use super::{Audit, visit};
use crate::exit::Stop;
use crate::json::line;
use crate::text::plural::plural;
use crate::text::sanitize::sanitize_bytes;
use crate::text::style;
use crate::text::table::{Column, Cut, Row, Table as TextTable};
use deadpeer_core::Finding;
use deadpeer_host::{Coverage, Query, Service, Services, Table};
use std::cmp::Reverse;
use std::io::Write;

const COLUMNS: [Column; 7] = [
    text("PROCESS", Cut::End(8), 0),
    text("SERVICE", Cut::Middle(9), 1),
    column("CONNS", true),
    column("IDLE", true),
    column("IN FLIGHT", true),
    column("LATE WRITE", true),
    text("SETTINGS IN FORCE", Cut::End(16), 2),
];

/// Reads, adds up and prints.
pub(super) fn run(
    audit: &Audit<'_>,
    table: &mut Table,
    query: &Query,
    out: &mut impl Write,
) -> Result<(Summary, Coverage), Stop> {
    let mut services: Services<Tally> = Services::new(table.ephemeral_ports());
    let mut summary = Summary::default();
    let coverage = visit(table, query, |connection| {
        let service = services.of(connection);
        if connection.chosen {
            let info = connection.tcp_info();
            let judged = audit
                .judge
                .judge(connection, info.as_ref(), service.listener.as_ref());
            let listener = super::is_listener(connection);
            summary.add(&judged, connection.socket.uid);
            service.value.add(&judged, listener);
        }
        Ok(())
    })?;
    let services = worst_first(services);
    services
        .iter()
        .for_each(|service| summary.add_service(&service.value));
    write(audit, &services, out)?;
    Ok((summary, coverage))
}

/// The services that have anything to show, worst first.
fn worst_first(services: Services<Tally>) -> Vec<Service<Tally>> {
    let mut services = services.into_vec();
    services.retain(|service| service.value.sockets() > 0);
    overrule_listeners(&mut services);
    for service in &mut services {
        service.value.sort();
    }
    services.sort_by(|a, b| {
        let key = |service: &Service<Tally>| {
            let share = service.value.share();
            (
                Reverse(share.late > 0),
                share.held == 0,
                Reverse(share.badness()),
                Reverse(share.count),
            )
        };
        let order = key(a).cmp(&key(b));
        order.then_with(|| (&a.process, a.role).cmp(&(&b.process, b.role)))
    });
    services
}

fn write(audit: &Audit<'_>, services: &[Service<Tally>], out: &mut impl Write) -> Result<(), Stop> {
    if audit.args.json {
        return services
            .iter()
            .try_for_each(|service| line(out, &ServiceJson::of(service)));
    }
    if services.is_empty() {
        return Ok(());
    }
    let mut shown = TextTable::new(&mut *out, audit.look, &COLUMNS);
    let mut row = Row::default();
    for service in services {
        row.clear();
        fill(&mut row, audit, service);
        shown.row(&row)?;
        for note in notes(service) {
            shown.note(style::NOTE, note)?;
        }
    }
    shown.finish()?.write_all(b"\n")?;
    Ok(())
}

fn fill(row: &mut Row, audit: &Audit<'_>, service: &Service<Tally>) {
    let tally = &service.value;
    let basis = tally
        .settings
        .first()
        .map_or(Basis::Nobody, |(basis, _)| *basis);
    match &service.process {
        Some(name) => row.plain(sanitize_bytes(name)),
        None => row.cell(style::FAINT, "?"),
    };
    row.plain(RoleWords(service.role));
    row.plain(tally.connections.count);
    for told in tally.share().worst.answers() {
        answer(row, audit.look, audit.judge.within, &basis, told);
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
    let mut notes: Vec<String> = tally
        .findings
        .iter()
        .map(|(finding, count)| {
            let options = match *finding == Finding::NotInherited {
                true => format!(": {}", tally.not_inherited.join(", ")),
                false => String::new(),
            };
            format!("{finding}{options}{}", of_all(*count))
        })
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
    if tally.listener_overruled {
        notes.push("the listener's own settings would miss it: the program sets those of its connections itself".into());
    }
    notes
}
