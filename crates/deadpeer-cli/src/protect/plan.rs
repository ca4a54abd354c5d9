//! What would be done: a table of before and after.

use std::io::Write;

use anstyle::Style;
use deadpeer_core::{Notice, Refusal, TcpState};
use deadpeer_host::protect::{self, Aim, Fate, Part, Step, Survey};
use deadpeer_host::{Netns, Scope, Unreadable};
use deadpeer_report::duration::Upper;
use deadpeer_report::plural::plural;
use deadpeer_report::sanitize::sanitize_bytes;
use deadpeer_report::{Gap, record};

use super::request::Change;
use crate::audit::cells::PLACE;
use crate::audit::words::{PlaceWords, RoleWords, SettingsWords};
use crate::exit::{Exit, Stop};
use crate::gaps::{self, Missing};
use crate::output::{Output, line};
use crate::text::look::Look;
use crate::text::style;
use crate::text::table::{Column, Row, Table as TextTable};

const COLUMNS: [Column; 8] = [
    Column::program("PROCESS"),
    PLACE,
    Column::address("SERVICE").fold(1),
    Column::number("SOCKETS"),
    Column::text("BEFORE").fold(3),
    Column::number("NOTICES"),
    Column::text("AFTER").fold(2),
    Column::number("NOTICES"),
];

/// Shows what was found and what would be done about it.
pub(super) fn show(
    request: &Change,
    netns: &Netns,
    aim: &Aim,
    survey: &Survey,
    output: Output,
    out: &mut impl Write,
) -> Result<(), Stop> {
    match output {
        Output::Text(look) => table(netns, aim, survey, look, out)?,
        Output::Json => {
            for part in survey.shown() {
                line(out, &part.to_record(aim, netns))?;
            }
        }
    }
    output.gaps(out, missing(request, survey))?;
    let fine = survey.count(|fate| *fate == Fate::Judged(Step::Fine));
    if fine > 0 {
        let (already, with) = match aim.sysctl() {
            None => ("already ", ""),
            Some(_) => ("", " with the sysctl alone"),
        };
        let said = format!(
            "{} {already}{} a vanished peer within {}{with}, and {} left alone.",
            plural(fine, "socket"),
            if fine == 1 { "notices" } else { "notice" },
            request.goal.within(),
            if fine == 1 { "is" } else { "are" }
        );
        output.say(out, style::PLAIN, &said)?;
    }
    let supervised = survey.count(|fate| *fate == Fate::Supervised);
    if supervised > 0 {
        let said = match supervised {
            1 => "1 socket is supervised by its program (deadpeer), which decides, and left alone."
                .to_owned(),
            n => format!(
                "{n} sockets are supervised by their programs (deadpeer), which decide, and left alone."
            ),
        };
        output.say(out, style::PLAIN, &said)?;
    }
    Ok(())
}

fn table(
    netns: &Netns,
    aim: &Aim,
    survey: &Survey,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let mut shown = survey.shown();
    shown.retain(|part| part.fate != Fate::Judged(Step::Fine));
    if shown.is_empty() {
        return Ok(());
    }
    let places = shown.iter().any(|part| place(netns, part).is_elsewhere());
    let mut table = TextTable::new(&mut *out, look, &COLUMNS);
    for part in &shown {
        table.row(|row| fill(row, aim, part, places.then(|| place(netns, part))))?;
        if let Some(note) = note(part) {
            table.note(style::NOTE, note.to_owned())?;
        }
    }
    table.finish()?.write_all(b"\n")?;
    Ok(())
}

/// What eBPF would reach, and why it could not be had.
pub(super) fn out_of_reach(survey: &Survey, blind: Option<&str>) -> Option<Gap> {
    let reached = [
        Unreadable::NotPermitted,
        Unreadable::NoVisibleOwner,
        Unreadable::NoDescriptor,
    ];
    let sockets = survey.count(|fate| matches!(fate, Fate::Unseen(why) if reached.contains(why)));
    let why = blind.filter(|_| sockets > 0)?.to_owned();
    Some(Gap::OutOfReachWithoutEbpf { sockets, why })
}

/// Says why no options keep the deadline.
pub(super) fn refused(
    refusal: &Refusal,
    takes_sysctl: bool,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    match output {
        Output::Text(look) => crate::plan::words::refusal(refusal, takes_sysctl, look, out)?,
        Output::Json => line(out, &record::Refusal::from(refusal))?,
    }
    Ok(Exit::No)
}

fn place<'a>(netns: &'a Netns, part: &'a Part) -> PlaceWords<'a> {
    PlaceWords {
        netns: Some(netns),
        workload: part.workload.as_deref(),
    }
}

fn fill(row: &mut Row, aim: &Aim, part: &Part, place: Option<PlaceWords<'_>>) {
    let is_listener = part.state == TcpState::Listen;
    let mut sockets = plural(part.count, if is_listener { "listener" } else { "conn" });
    if !is_listener && part.state != TcpState::Established {
        sockets = format!("{sockets} ({})", part.state);
    }
    row.known(part.process.as_deref().map(sanitize_bytes))
        .maybe(place)
        .plain(RoleWords(part.role))
        .plain(sockets)
        .known(part.before.as_ref().map(SettingsWords));
    match part.notices_before(aim) {
        Some(told) => row.cell(style::BAD, Told(told)),
        None if part.fate == Fate::Supervised => row.plain("program"),
        None => row.cell(style::FAINT, "?"),
    };
    match (part.fate.change(), part.notices_after(aim)) {
        (Some(change), Some(told)) => {
            row.plain(SettingsWords(&change.after));
            row.cell(verdict(change, part), Told(told));
        }
        _ => {
            row.plain("left as it is").plain("");
        }
    }
}

fn note(part: &Part) -> Option<&'static str> {
    match part.fate {
        Fate::Judged(Step::Change(protect::Change { keeps: false, .. }))
            if part.are_listeners() =>
        {
            Some(
                "no more than is compatible with what the program sets on its connections after accept()",
            )
        }
        Fate::Judged(Step::Change(protect::Change { keeps: false, .. })) => Some(
            "sooner than before, but not within the deadline: the path's retransmission timeout is too long for it",
        ),
        Fate::Judged(Step::Change(change)) if part.before == Some(change.after) => Some(
            "the settings keep the deadline, but the keepalive timer was armed under longer ones: it is re-armed",
        ),
        Fate::Judged(Step::Change(protect::Change {
            own_choice: true, ..
        })) => Some("set by the program itself; --keep-app-settings leaves that as it is"),
        Fate::Judged(Step::KeptForApplication) => {
            Some("misses the deadline because of the program's own settings, which are kept")
        }
        Fate::Judged(Step::Helpless) => Some(
            "the program's user timeout is too short for keepalive to survive lost probes, and is not made longer",
        ),
        Fate::Judged(Step::Overwritten) => {
            Some("its program itself sets the options of what it accepts")
        }
        Fate::CloseWait => Some("the peer has closed, the program has not (CLOSE_WAIT)"),
        Fate::Supervised => {
            Some("supervised by its program (deadpeer): the kernel asks, the program decides")
        }
        Fate::Judged(_) | Fate::Unseen(_) => None,
    }
}

fn verdict(change: &protect::Change, part: &Part) -> Style {
    match change.keeps && part.armed.after.is_none() {
        true => style::GOOD,
        false => style::NOTE,
    }
}

/// What could not be seen.
fn missing(request: &Change, survey: &Survey) -> Vec<Gap> {
    let mut unread = Missing::new();
    for part in &survey.parts {
        if let Fate::Unseen(why) = part.fate {
            *unread.entry((why, part.uid)).or_default() += part.count;
        }
    }
    let mut all = gaps::all(&unread, Gap::SettingsUnread, &survey.coverage);
    // Who asks for everything is told what that leaves out.
    let others = &survey.coverage.other_namespaces;
    if let Some((_, pid)) = others.iter().next()
        && !request.chosen.is_filtered()
        && request.chosen.scope != Scope::All
    {
        all.push(Gap::OtherNamespaces {
            namespaces: others.len() as u64,
            pid: *pid,
        });
    }
    all
}

struct Told(Notice);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.latest() {
            Some(latest) => write!(f, "{}", Upper(latest)),
            None => f.write_str("never"),
        }
    }
}
