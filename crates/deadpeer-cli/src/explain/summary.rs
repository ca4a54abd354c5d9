//! The connections about which there is something to tell, one line each.

use std::io::Write;

use anstyle::Style;
use deadpeer_capture::story::{Gone, Length, Noticed};
use deadpeer_capture::talk::Counts;
use deadpeer_capture::{Side, Story};

use super::answer::Answer;
use super::time::Digits;
use crate::exit::Stop;
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;
use crate::text::table::{Column, Row, Table};

const COLUMNS: [Column; 11] = [
    Column::number("N"),
    Column::text("BEGIN").fold(5),
    Column::address("CLIENT").fold(1),
    Column::address("SERVER"),
    Column::text("GONE"),
    Column::text("SINCE").fold(3),
    Column::text("NOTICED BY"),
    Column::number("AFTER"),
    Column::text("END").fold(2),
    Column::number("PACKETS").fold(6),
    Column::number("PROBES").fold(4),
];

pub(super) fn write(answer: &Answer<'_>, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    if answer.stories().len() > 0 {
        let mut table = Table::new(&mut *out, look, &COLUMNS);
        for story in answer.stories() {
            table.row(|row| fill(row, answer, &story))?;
            table.note(severity(&story), story.verdict.sentence(&story))?;
        }
        table.finish()?;
        writeln!(out)?;
    }
    for (style, line) in footer(answer) {
        paragraph(&mut *out, look, style, "", "  ", &line)?;
    }
    Ok(())
}

fn fill(row: &mut Row, answer: &Answer<'_>, story: &Story) {
    let time = |at| answer.zone.time(at, Digits::Milliseconds);
    let verdict = &story.verdict;
    let gone = Some(verdict.gone).filter(|gone| *gone != Gone::Nobody);
    let gone = gone.and_then(Gone::word).unwrap_or("-");
    let since = verdict.last_heard.or(verdict.unanswered_since);
    let since = since.filter(|_| verdict.is_death());
    row.plain(story.number)
        .plain(time(story.first))
        .plain(story.end(Side::Client))
        .plain(story.end(Side::Server))
        .cell(severity(story), gone)
        .plain(since.map_or("-".into(), time));
    if verdict.noticed == Noticed::Nobody {
        row.cell(style::BAD, "nobody");
    } else {
        row.plain(verdict.noticed.word().unwrap_or("-"));
    }
    let took = verdict.took(story.capture_ends);
    row.plain(took.map_or("-".into(), |took| Length(took).to_string()));
    row.plain(verdict.ending.word());
    let sum = |of: fn(&Counts) -> u64| story.counts.iter().map(of).sum::<u64>();
    row.plain(sum(|counts| counts.packets));
    row.plain(sum(|counts| u64::from(counts.probes)));
}

/// How bad a story is.
fn severity(story: &Story) -> Style {
    match story.verdict.severity() {
        0 => style::PLAIN,
        1..=3 => style::FAINT,
        4..=5 => style::NOTE,
        _ => style::BAD,
    }
}

/// What the capture held, and what is to be known about it.
fn footer(answer: &Answer<'_>) -> Vec<(Style, String)> {
    let totals = &answer.totals;
    let groups = answer.groups.iter();
    let mut said: Vec<_> = groups
        .map(|group| (style::NOTE, group.sentence()))
        .collect();
    let style = match totals.segments {
        0 => style::NOTE,
        _ => style::TITLE,
    };
    let fine = match answer.fine {
        0 => String::new(),
        1 => "; 1 with nothing to tell (--all shows it)".into(),
        n => format!("; {n} with nothing to tell (--all shows them)"),
    };
    said.push((style, format!("{}{fine}", answer.headline())));
    if let Some((first, last)) = answer.span {
        said.push((
            style::FAINT,
            format!(
                "{} in {}, from {} to {}",
                answer.size(),
                Length(last.since(first)),
                answer.zone.date(first),
                answer.zone.date(last)
            ),
        ));
    }
    said.extend(
        answer
            .caveats()
            .into_iter()
            .map(|caveat| (style::NOTE, caveat)),
    );
    said
}
