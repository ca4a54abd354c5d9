//! `deadpeer audit`: which connections would hang on a vanished peer, and for how long.

mod advice;
pub(crate) mod cells;
mod doing;
mod each;
mod grouped;
mod hanging;
mod next;
mod request;
mod summary;
mod to_come;
pub(crate) mod words;

pub(crate) use request::{AuditArgs, Request};

use std::io::Write;

use deadpeer_host::audit::{Audit, Compliance, Machine};
use deadpeer_report::{Gap, Privilege, record};

use crate::exit::{Exit, Stop};
use crate::gaps;
use crate::output::{Output, line};
use crate::remedy::Remedies;

/// Looks, judges and prints.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let mut tables = request.open()?;
    let mut query = Audit::query(request.chosen.filter.clone(), request.owners);
    query.forecast_only = !(request.each && matches!(output, Output::Json));
    let audit = Audit::new(&tables.kernel())
        .within(request.within)
        .survive_lost(request.survive_lost)
        .behind_middlebox(request.middlebox);
    let mut remedies = request
        .within
        .map(|within| Remedies::new(within, tables.kernel()));
    let mut machine = match request.each {
        true => each::run(&audit, &mut tables, &query, output, out)?,
        false => grouped::run(&audit, &mut tables, &query, &mut remedies, output, out)?,
    };
    match (request.each, output) {
        (true, Output::Text(look)) => advice::write(&machine, &mut remedies, look, out)?,
        (true, Output::Json) => {
            let has_remedy = |service: &record::Service| service.remedy.is_some();
            grouped::write_json(&machine, &mut remedies, has_remedy, out)?;
        }
        (false, _) => {}
    }
    machine.leave_to_programs(|service| {
        let remedy = advice::remedy(&mut remedies, service);
        remedy.is_some_and(|remedy| remedy.keeps_itself().is_some())
    });
    hanging::write(&machine, output, out)?;
    let elsewhere = elsewhere(request, &machine);
    output.gaps(out, missing(&machine))?;
    output.gaps(out, elsewhere.clone())?;
    let is_filtered = request.chosen.is_filtered();
    let compliance = machine.compliance(is_filtered);
    let to_come = match compliance == Compliance::InTime {
        true => to_come::not_shown_yet(request)?,
        false => Vec::new(),
    };
    let is_shown = to_come.is_empty();
    output.gaps(out, to_come)?;
    match output {
        Output::Text(look) => summary::write(request, &machine, look, out)?,
        Output::Json => line(out, &machine.to_record(&audit))?,
    }
    Ok(match compliance {
        // Who mistyped a name must not take it for a machine on which all is well.
        Compliance::NotJudged if is_filtered && machine.totals.is_empty() => Exit::Unknown,
        Compliance::InTime if elsewhere.is_some() || !is_shown => Exit::Unknown,
        Compliance::InTime | Compliance::NotJudged => Exit::Yes,
        Compliance::Late => Exit::No,
        Compliance::Undecided => Exit::Unknown,
    })
}

/// Where nothing was found, and other namespaces were not looked at though nobody said so.
fn elsewhere(request: &Request, machine: &Machine) -> Option<Gap> {
    let others = &machine.coverage.other_namespaces;
    let (_, pid) = others.iter().next()?;
    let chosen = &request.chosen;
    let may_be_there = !chosen.is_filtered() || chosen.filter.needs_owners();
    let missed = machine.totals.is_empty() && chosen.netns.is_none() && may_be_there;
    missed.then_some(Gap::OtherNamespaces {
        namespaces: others.len() as u64,
        pid: *pid,
    })
}

/// What could not be seen.
fn missing(machine: &Machine) -> Vec<Gap> {
    let (coverage, unread) = (&machine.coverage, &machine.totals.unread);
    let mut gaps = gaps::all(unread, Gap::SettingsUnread, coverage);
    // Who isn't root has been told the way out already.
    if let Some(why) = &coverage.no_ebpf
        && !unread.is_empty()
        && gaps::privilege() == Privilege::Root
    {
        gaps.push(Gap::UnreadWithoutEbpf {
            why: why.to_string(),
        });
    }
    gaps
}
