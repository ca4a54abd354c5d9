//! The list and the table for a terminal.

use std::io::Write;

use anstyle::Style;
use deadpeer_lab::matrix::{Cell, CellVerdict, Experiment, tally};
use deadpeer_lab::method;
use deadpeer_lab::scenario::Scenario;
use deadpeer_report::sanitize::sanitize;

use crate::exit::Stop;
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style::{BAD, FAINT, GOOD, NOTE, PLAIN, TITLE};
use crate::text::table::{Column, Table};

/// Prints the scenarios, one a line.
pub(super) fn list(scenarios: &[Scenario], look: Look, out: &mut impl Write) -> Result<(), Stop> {
    let columns = [
        Column::text("SCENARIO"),
        Column::text("PEER"),
        Column::number("STATES"),
        Column::text("WHAT HAPPENS").fold(1),
    ];
    let mut table = Table::new(out, look, &columns);
    for scenario in scenarios {
        table.row(|row| {
            row.plain(sanitize(&scenario.name))
                .plain(scenario.peer.name())
                .plain(scenario.states().count())
                .plain(sanitize(&scenario.sentence));
        })?;
    }
    table.finish()?;
    Ok(())
}

/// Prints every cell, what proves each experiment, and how often each method was right.
pub(super) fn experiments(
    experiments: &[Experiment],
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    cells(experiments, look, out)?;
    writeln!(out)?;
    tallies(experiments, look, out)?;
    for experiment in experiments {
        for (method, why) in &experiment.unavailable {
            let text = format!(
                "{}: no {method}: {}",
                sanitize(&experiment.scenario),
                sanitize(why)
            );
            paragraph(out, look, PLAIN, "", "  ", &text)?;
        }
    }
    Ok(())
}

fn cells(experiments: &[Experiment], look: Look, out: &mut impl Write) -> Result<(), Stop> {
    let mut columns = vec![
        Column::text("SCENARIO"),
        Column::text("PEER"),
        Column::text("STATE"),
    ];
    // Where room is short, the last methods stay: deadpeer's own.
    let folds = (1..=u8::MAX).rev();
    let methods = method::NAMES.into_iter().zip(folds);
    columns.extend(methods.map(|(name, fold)| Column::number(name).fold(fold)));
    let mut table = Table::new(out, look, &columns);
    for experiment in experiments {
        let mut states: Vec<_> = experiment.cells.iter().map(|cell| cell.state).collect();
        states.sort_unstable();
        states.dedup();
        for state in states {
            table.row(|row| {
                row.plain(sanitize(&experiment.scenario))
                    .plain(experiment.peer.name())
                    .plain(state.name());
                for name in method::NAMES {
                    let mut cells = experiment.cells.iter();
                    match cells.find(|cell| cell.state == state && cell.method == name) {
                        Some(cell) => row.cell(style(cell.verdict), text(cell)),
                        None => row.plain(""),
                    };
                }
            })?;
        }
        for problem in &experiment.problems {
            table.note(BAD, sanitize(problem).into_owned())?;
        }
        for (cell, foretold) in experiment
            .cells
            .iter()
            .filter_map(|cell| Some((cell, cell.forecast.as_ref()?)))
        {
            if !foretold.holds {
                let note = format!(
                    "{} in state {}: the forecast was {foretold}",
                    cell.method, cell.state
                );
                table.note(BAD, note)?;
            }
        }
        table.note(FAINT, format!("proof: {}", sanitize(&experiment.proof)))?;
    }
    table.finish()?;
    Ok(())
}

fn tallies(experiments: &[Experiment], look: Look, out: &mut impl Write) -> Result<(), Stop> {
    let columns = [
        Column::text("METHOD"),
        Column::text("SETTINGS").fold(3),
        Column::number("DEAD NOTICED"),
        Column::number("STILL ANSWERED").fold(2),
        Column::number("LIVE CALLED DEAD"),
        Column::number("FORECAST RIGHT").fold(1),
    ];
    let mut table = Table::new(out, look, &columns);
    for tally in tally(experiments) {
        let of = |count, all| format!("{count} of {all}");
        let alarms = if tally.live_called_dead > 0 {
            BAD
        } else {
            PLAIN
        };
        table.row(|row| {
            row.cell(TITLE, &tally.title)
                .plain(&tally.settings)
                .plain(of(tally.dead_noticed, tally.dead))
                .plain(of(tally.answered_noticed, tally.answered))
                .cell(alarms, of(tally.live_called_dead, tally.live))
                .plain(of(tally.foretold_right, tally.foretold));
        })?;
    }
    table.finish()?;
    Ok(())
}

/// A cell in a few characters: seconds, and a mark where it was wrong.
fn text(cell: &Cell) -> String {
    let after = cell.noticed.as_ref().map(|noticed| noticed.after_s);
    match (cell.verdict, after) {
        (CellVerdict::Noticed, Some(after)) => format!("{after:.1}"),
        (CellVerdict::Late, Some(after)) => format!("late {after:.1}"),
        (CellVerdict::FalseAlarm, Some(after)) => format!("{after:.1}!"),
        (CellVerdict::Quiet, _) => "ok".to_owned(),
        (CellVerdict::Unnoticeable, _) => "answered".to_owned(),
        (
            CellVerdict::Noticed
            | CellVerdict::Late
            | CellVerdict::FalseAlarm
            | CellVerdict::Missed,
            _,
        ) => "-".to_owned(),
    }
}

fn style(verdict: CellVerdict) -> Style {
    match verdict {
        CellVerdict::Noticed => GOOD,
        CellVerdict::Late => NOTE,
        CellVerdict::Quiet | CellVerdict::Unnoticeable => FAINT,
        CellVerdict::Missed => PLAIN,
        CellVerdict::FalseAlarm => BAD,
    }
}
