//! What to write for the programs whose connections miss the deadline.

use std::io::Write;

use deadpeer_host::audit::{Machine, Tally};
use deadpeer_host::{Role, Service};
use deadpeer_recipes::SideKind;
use deadpeer_report::sanitize::sanitize_bytes;

use super::words::RoleWords;
use crate::exit::Stop;
use crate::remedy::{Remedies, Remedy};
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;

/// What to write for the program of a service that misses the deadline.
pub(super) fn remedy<'r>(
    remedies: &'r mut Option<Remedies>,
    service: &Service<Tally>,
) -> Option<Remedy<'r>> {
    let tally = &service.value;
    let kind = match service.role {
        Role::Outgoing(_) => SideKind::Upstream,
        Role::Listening(_) | Role::Accepted(_) => SideKind::Accepted,
    };
    let remedies = remedies
        .as_mut()
        .filter(|_| tally.connections.late + tally.late_listeners() > 0);
    let netns = service.netns.as_ref().map(|netns| netns.number);
    let process = service.process.as_deref()?;
    remedies?.of(process, kind, service.role.port(), netns)
}

/// The same, beside what the program's open connections have.
pub(super) fn remedy_on<'r>(
    machine: &Machine,
    remedies: &'r mut Option<Remedies>,
    service: &Service<Tally>,
) -> Option<Remedy<'r>> {
    let remedy = remedy(remedies, service)?;
    Some(match with_connections(machine, service) {
        None => remedy,
        Some(tally) => remedy.beside(tally.connections.worst.bounds()),
    })
}

/// The service, or, where it has no open connection, another one of its program's on the same port:
/// both accept with the same configuration.
fn with_connections<'m>(machine: &'m Machine, service: &'m Service<Tally>) -> Option<&'m Tally> {
    let is_alike = |other: &&Service<Tally>| {
        other.process == service.process
            && other.role.port() == service.role.port()
            && other.netns == service.netns
            && !matches!(other.role, Role::Outgoing(_))
    };
    let others = machine.services.iter().filter(is_alike);
    let mut tallies = std::iter::once(service).chain(others).map(|one| &one.value);
    tallies.find(|tally| tally.connections.held > 0)
}

/// The same of all of them, below a table of connections; what several have in common stands once.
pub(super) fn write(
    machine: &Machine,
    remedies: &mut Option<Remedies>,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let mut said: Vec<(Vec<String>, String)> = Vec::new();
    for service in &machine.services {
        let Some(remedy) = remedy_on(machine, remedies, service) else {
            continue;
        };
        let notes = remedy.notes();
        let role = RoleWords(service.role).to_string();
        match said.iter_mut().find(|(known, _)| *known == notes) {
            Some((_, whose)) => *whose += &format!(", {role}"),
            None => {
                let process = service.process.as_deref().unwrap_or_default();
                said.push((notes, format!("{} {role}", sanitize_bytes(process))));
            }
        }
    }
    for (notes, whose) in &said {
        paragraph(out, look, style::PLAIN, "", "  ", whose)?;
        for note in notes {
            paragraph(out, look, style::PLAIN, "  ! ", "    ", note)?;
        }
    }
    if !said.is_empty() {
        out.write_all(b"\n")?;
    }
    Ok(())
}
