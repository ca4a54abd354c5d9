//! The summary: in place on a terminal, a line now and then in a pipe, and once at the end.

use std::io::Write;
use std::time::{Duration, Instant};

use deadpeer_report::duration::Upper;
use deadpeer_report::plural::{plural, plural_of};
use jiff::Timestamp;

use super::tally::{ServiceWords, Tally};
use crate::exit::Stop;
use crate::output::{Output, line};
use crate::text::death::{style_of, time};
use crate::text::look::Look;
use crate::text::style;
use crate::text::table::{Column, Table};

/// On a terminal, changes are shown so often.
const IN_PLACE: Duration = Duration::from_millis(500);
/// In a pipe.
const IN_LINES: Duration = Duration::from_secs(10);
/// Rows of the table; the rest is one row.
const ROWS: usize = 15;

/// How the summary is kept up to date.
#[derive(Debug)]
pub(super) struct Stats {
    output: Output,
    in_place: bool,
    every: Duration,
    next: Instant,
    /// Deaths that the last one told of.
    told: u64,
    /// Lines of the last one, if the next is to stand in their place.
    lines: usize,
}

impl Stats {
    pub(super) fn new(every: Option<Duration>, output: Output) -> Self {
        let in_place = matches!(output, Output::Text(_)) && style::stdout_is_terminal();
        let every = every.unwrap_or(match in_place {
            true => IN_PLACE,
            false => IN_LINES,
        });
        Self {
            output,
            in_place,
            every,
            next: Instant::now() + every,
            told: 0,
            lines: 0,
        }
    }

    /// How long nothing has to be shown; `None`: nothing has changed.
    pub(super) fn due_in(&self, tally: &Tally) -> Option<Duration> {
        (tally.counts.total() > self.told)
            .then(|| self.next.saturating_duration_since(Instant::now()))
    }

    /// Shows what has changed, if it is time.
    pub(super) fn refresh(&mut self, tally: &mut Tally, out: &mut impl Write) -> Result<(), Stop> {
        let changed = tally.counts.total() > self.told;
        if !changed || Instant::now() < self.next {
            return Ok(());
        }
        self.show(tally, out)
    }

    /// Shows the end of it.
    pub(super) fn last(
        &mut self,
        tally: &mut Tally,
        look: Look,
        out: &mut impl Write,
    ) -> Result<(), Stop> {
        match self.in_place {
            true => self.show(tally, out),
            false => summary(tally, look, out),
        }
    }

    fn show(&mut self, tally: &Tally, out: &mut impl Write) -> Result<(), Stop> {
        let fresh = tally.counts.total() - self.told;
        self.told = tally.counts.total();
        self.next = Instant::now() + self.every;
        let look = match self.output {
            Output::Json => return line(out, &tally.to_record()),
            Output::Text(_) if !self.in_place => {
                return Ok(writeln!(out, "{}", in_a_line(tally, fresh))?);
            }
            Output::Text(look) => look,
        };
        if self.lines > 0 {
            // Up to where the last one began, and away with it.
            write!(out, "\x1b[{}A\x1b[J", self.lines)?;
        }
        let mut text = Vec::new();
        summary(tally, look, &mut text)?;
        self.lines = text.iter().filter(|byte| **byte == b'\n').count();
        out.write_all(&text)?;
        Ok(())
    }
}

/// A table of causes and services, and a sentence.
pub(super) fn summary(tally: &Tally, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    let rows = tally.counts.rows();
    if !rows.is_empty() {
        let mut table = Table::new(&mut *out, look, &COLUMNS);
        for (service, cause, count) in rows.iter().take(ROWS) {
            table.row(|row| {
                row.plain(count)
                    .cell(style_of(cause.word()), cause)
                    .plain(ServiceWords(service));
            })?;
        }
        if let Some((_, rest)) = rows
            .split_at_checked(ROWS)
            .filter(|(_, rest)| !rest.is_empty())
        {
            let count: u64 = rest.iter().map(|(.., count)| count).sum();
            let more = plural_of(
                rest.len() as u64,
                "cause and service",
                "causes and services",
            );
            table.row(|row| {
                row.plain(count).plain("other").plain(more);
            })?;
        }
        table.finish()?;
    }
    writeln!(out, "{}.", all(tally))?;
    Ok(())
}

const COLUMNS: [Column; 3] = [
    Column::number("DEATHS"),
    Column::text("WHY"),
    Column::address("SERVICE").fold(1),
];

/// What it comes to, without a full stop: how many, what was left out, what was lost.
fn all(tally: &Tally) -> String {
    let mut said = format!(
        "{} in {}",
        plural(tally.counts.total(), "death"),
        Upper(tally.since.elapsed())
    );
    if tally.ordinary > 0 {
        let closes = plural(tally.ordinary, "ordinary close");
        said.push_str(&format!(", and {closes}"));
    }
    if tally.others > 0 {
        said.push_str(&format!(", and {} of other causes", tally.others));
    }
    if tally.nobodys > 0 {
        said.push_str(&format!(
            "; {} more had no visible owner and may have been meant",
            tally.nobodys
        ));
    }
    if let Some(lost @ 1..) = tally.lost {
        said.push_str(&format!("; {lost} were lost because they came too fast"));
    }
    said
}

fn in_a_line(tally: &Tally, fresh: u64) -> String {
    let causes: Vec<String> = tally
        .counts
        .by_cause()
        .into_iter()
        .map(|(cause, count)| format!("{cause} {count}"))
        .collect();
    format!(
        "{}  {fresh} more, {} in all: {}",
        time(Timestamp::now()),
        all(tally),
        causes.join(", ")
    )
}
