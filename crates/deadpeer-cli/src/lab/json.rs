//! `lab --json`: one line for each cell, experiment and method.

use std::io::Write;

use deadpeer_lab::matrix::{Cell, Experiment, Tally, tally};
use deadpeer_report::record;

use crate::exit::Stop;
use crate::output::line;

/// Writes every line.
pub(super) fn experiments(experiments: &[Experiment], out: &mut impl Write) -> Result<(), Stop> {
    for experiment in experiments {
        line(out, &experiment_record(experiment))?;
        for cell in &experiment.cells {
            line(out, &cell_record(experiment, cell))?;
        }
    }
    for tally in &tally(experiments) {
        line(out, &tally_record(tally))?;
    }
    Ok(())
}

fn experiment_record(experiment: &Experiment) -> record::Experiment {
    record::Experiment {
        scenario: experiment.scenario.clone(),
        title: experiment.title.clone(),
        sentence: experiment.sentence.clone(),
        peer: experiment.peer.name().into(),
        deadline_s: experiment.deadline_s,
        proof: experiment.proof.clone(),
        problems: experiment.problems.clone(),
        unavailable: experiment.unavailable.clone(),
        wire_lateness_ms: experiment.wire_lateness_ms,
    }
}

fn cell_record(experiment: &Experiment, cell: &Cell) -> record::Cell {
    let noticed = cell.noticed.as_ref();
    let foretold = cell.forecast.as_ref();
    record::Cell {
        scenario: experiment.scenario.clone(),
        peer: experiment.peer.name().into(),
        state: cell.state.name().into(),
        method: cell.method.into(),
        verdict: cell.verdict.name().into(),
        answered: cell.answered,
        after_s: noticed.map(|noticed| noticed.after_s),
        signal: noticed.map(|noticed| noticed.signal.words.clone()),
        foretold: foretold.is_some(),
        forecast_earliest_s: foretold.and_then(|foretold| foretold.earliest_s),
        forecast_latest_s: foretold.and_then(|foretold| foretold.latest_s),
        forecast_holds: foretold.map(|foretold| foretold.holds),
        carried: cell.carried,
    }
}

fn tally_record(tally: &Tally) -> record::Tally {
    record::Tally {
        method: tally.method.clone(),
        title: tally.title.clone(),
        settings: tally.settings.clone(),
        dead: tally.dead,
        dead_noticed: tally.dead_noticed,
        dead_late: tally.dead_late,
        answered: tally.answered,
        answered_noticed: tally.answered_noticed,
        live: tally.live,
        live_called_dead: tally.live_called_dead,
        apart: tally.apart,
        apart_wrong: tally.apart_wrong,
        foretold: tally.foretold,
        foretold_right: tally.foretold_right,
    }
}
