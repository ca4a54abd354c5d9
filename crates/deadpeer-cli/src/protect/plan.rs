//! What would be done: a table of before and after.

use super::args::ProtectArgs;
use super::change::within;
use crate::audit::cells::{column, text};
use crate::audit::gaps::{Gap, gaps};
use crate::audit::words::{RoleWords, SettingsWords};
use crate::exit::{Exit, Stop};
use crate::json::line;
use crate::text::duration::Upper;
use crate::text::paragraph::paragraph;
use crate::text::plural::plural;
use crate::text::sanitize::sanitize_bytes;
use crate::text::style;
use crate::text::table::{Column, Cut, Look, Row, Table as TextTable};
use anstyle::Style;
use deadpeer_core::{Notice, Refusal};
use deadpeer_host::Unreadable;
use deadpeer_host::protect::{Aim, Change, Fate, Part, Step, Survey};
use deadpeer_report::record;
use std::collections::BTreeMap;
use std::io::Write;

const COLUMNS: [Column; 7] = [
    text("PROCESS", Cut::End(8), 0),
    text("SERVICE", Cut::Middle(9), 2),
    column("SOCKETS", true),
    text("BEFORE", Cut::End(16), 1),
    column("NOTICES", true),
    text("AFTER", Cut::End(16), 1),
    column("NOTICES", true),
];

/// Shows what was found and what would be done about it.
pub(super) fn show(
    args: &ProtectArgs,
    aim: &Aim,
    survey: &Survey,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    if args.json {
        for part in &survey.parts {
            line(out, &part.to_record(aim))?;
        }
        return gaps_of(args, survey, look, out);
    }
    let shown: Vec<&Part> = survey
        .parts
        .iter()
        .filter(|part| part.fate != Fate::Judged(Step::Fine))
        .collect();
    if !shown.is_empty() {
        let mut table = TextTable::new(&mut *out, look, &COLUMNS);
        let mut row = Row::default();
        for part in shown {
            row.clear();
            fill(&mut row, aim, part);
            table.row(&row)?;
            if let Some(note) = note(part) {
                table.note(style::NOTE, note.to_owned())?;
            }
        }
        table.finish()?.write_all(b"\n")?;
    }
    gaps_of(args, survey, look, out)?;
    let fine = survey.count(|fate| *fate == Fate::Judged(Step::Fine));
    if fine > 0 {
        let verb = if fine == 1 { "notices" } else { "notice" };
        let said = format!(
            "{} already {verb} a vanished peer within {}, and {} left alone.",
            plural(fine, "socket"),
            within(args),
            if fine == 1 { "is" } else { "are" }
        );
        paragraph(out, look, style::PLAIN, "", "", &said)?;
    }
    Ok(())
}

/// What eBPF would reach, and why it could not be had.
pub(super) fn out_of_reach(
    args: &ProtectArgs,
    survey: &Survey,
    blind: Option<&str>,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let reached = [
        Unreadable::NotPermitted,
        Unreadable::NoVisibleOwner,
        Unreadable::NoDescriptor,
    ];
    let unseen = |fate: &Fate| matches!(fate, Fate::Unseen(why) if reached.contains(why));
    let (Some(why), count @ 1..) = (blind, survey.count(unseen)) else {
        return Ok(());
    };
    let gap = Gap {
        code: "no-ebpf",
        count: Some(count),
        text: format!("eBPF would reach these, and can't be had: {why}."),
    };
    gap.say(args.json, look, out)
}

/// Says why no options keep the deadline.
pub(super) fn refused(
    args: &ProtectArgs,
    refusal: &Refusal,
    look: Look,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    match args.json {
        true => line(out, &record::Refusal::from(refusal))?,
        false => crate::plan::words::refusal(refusal, false, look, out)?,
    }
    Ok(Exit::Over)
}

fn fill(row: &mut Row, aim: &Aim, part: &Part) {
    match &part.process {
        Some(name) => row.plain(sanitize_bytes(name)),
        None => row.cell(style::FAINT, "?"),
    };
    row.plain(RoleWords(part.role));
    let noun = if part.listeners { "listener" } else { "conn" };
    row.plain(plural(part.count, noun));
    match &part.before {
        Some(before) => {
            row.plain(SettingsWords(before));
            let told = part.worst(aim, before);
            row.cell(style::BAD, Told(told));
        }
        None => {
            row.cell(style::FAINT, "?").cell(style::FAINT, "?");
        }
    }
    match part.fate {
        Fate::Judged(Step::Change(change)) => {
            row.plain(SettingsWords(&change.after));
            row.cell(verdict(&change), Told(part.worst(aim, &change.after)));
        }
        Fate::Judged(_) | Fate::Unseen(_) | _ => {
            row.plain("left as it is").plain("");
        }
    }
}

fn note(part: &Part) -> Option<&'static str> {
    match part.fate {
        Fate::Judged(Step::Change(Change { keeps: false, .. })) => Some(
            "sooner than before, but not within the deadline: the path's retransmission timeout is too long for it",
        ),
        Fate::Judged(Step::Change(Change {
            own_choice: true, ..
        })) => Some("set by the program itself; --keep-app-settings leaves that as it is"),
        Fate::Judged(Step::KeptForApplication) => {
            Some("misses the deadline by the program's own settings, which are kept")
        }
        Fate::Judged(Step::Helpless) => Some(
            "the program's user timeout is too short for keepalive to survive lost probes, and is not made longer",
        ),
        Fate::Judged(_) | Fate::Unseen(_) | _ => None,
    }
}

fn verdict(change: &Change) -> Style {
    match change.keeps {
        true => style::GOOD,
        false => style::NOTE,
    }
}

/// What could not be seen.
fn gaps_of(
    args: &ProtectArgs,
    survey: &Survey,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let mut unread = BTreeMap::new();
    for part in &survey.parts {
        if let Fate::Unseen(why) = part.fate {
            *unread.entry((why, part.uid)).or_default() += part.count;
        }
    }
    let mut all = gaps(
        &unread,
        &survey.coverage,
        rustix::process::geteuid().is_root(),
    );
    all.extend(elsewhere(args, survey));
    for gap in all {
        gap.say(args.json, look, out)?;
    }
    Ok(())
}

/// Who asks for everything is told what that leaves out.
fn elsewhere(args: &ProtectArgs, survey: &Survey) -> Option<Gap> {
    let others = &survey.coverage.other_namespaces;
    let (_, pid) = others.iter().next()?;
    if !args.filters.is_empty() {
        return None;
    }
    let count = others.len() as u64;
    Some(Gap {
        code: "other-namespaces",
        count: Some(count),
        text: format!(
            "{} with connections of their own, such as containers, are not looked at; reach each by --netns, for example --netns {pid}.",
            plural(count, "other network namespace")
        ),
    })
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
