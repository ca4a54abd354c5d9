//! `lab --json`: one line for each cell, experiment and method.

use crate::exit::Stop;
use crate::json::line;
use deadpeer_lab::matrix::{Cell, Experiment, Tally, tally};
use serde::Serialize;
use std::io::Write;

/// What one method noticed of one fault in one state.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "cell")]
pub(crate) struct CellJson<'a> {
    /// The scenario's name.
    scenario: &'a str,
    /// What had become of the peer: gone, alive, finished (it ended its half and reads on) or frozen.
    peer: &'static str,
    /// What the connection was doing.
    state: &'static str,
    /// The method's name.
    method: &'static str,
    /// noticed, late (after the deadline), missed, unnoticeable (the peer's end went on answering), quiet (rightly) or false-alarm.
    verdict: &'static str,
    /// Whether the peer's end went on answering to the last: TCP shows nothing but what a live peer shows.
    answered: bool,
    /// When it was noticed, seconds after the fault; null: not at all.
    after_s: Option<f64>,
    /// By what.
    signal: Option<&'a str>,
    /// Whether a forecast was made for this cell.
    foretold: bool,
    /// The forecast: not before; null without a forecast, and for a connection that is never given up.
    forecast_earliest_s: Option<f64>,
    /// The forecast: not after.
    forecast_latest_s: Option<f64>,
    /// Whether what was measured agrees with the forecast, within 3 %, one RTO and 100 ms.
    forecast_holds: Option<bool>,
    /// Whether this very connection carried bytes afterwards, each way that was open.
    carried: bool,
}

/// One scenario as it was run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "experiment")]
pub(crate) struct ExperimentJson<'a> {
    /// The scenario's name.
    scenario: &'a str,
    /// Its title.
    title: &'a str,
    /// Its sentence.
    sentence: &'a str,
    /// What had become of the peer.
    peer: &'static str,
    /// The time in which a dead peer was to be noticed.
    deadline_s: f64,
    /// What proves that the fault bit.
    proof: &'a str,
    /// What is wrong with the experiment itself; empty: nothing.
    problems: &'a [String],
    /// Methods that cannot be had on this kernel, with the reason.
    unavailable: &'a [(String, String)],
    /// The most that a packet was late on the wire.
    wire_lateness_ms: f64,
}

/// How often a method was right.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "tally")]
pub(crate) struct TallyJson<'a> {
    /// The method's name.
    method: &'a str,
    /// Its title.
    title: &'a str,
    /// Its settings in words.
    settings: &'a str,
    /// Cells in which the peer was gone, and that could be noticed.
    dead: u32,
    /// Those noticed within the deadline.
    dead_noticed: u32,
    /// Those noticed after it.
    dead_late: u32,
    /// Cells in which the peer was gone while its end went on answering.
    answered: u32,
    /// Those noticed all the same.
    answered_noticed: u32,
    /// Cells in which the peer lived.
    live: u32,
    /// Those in which it was called dead.
    live_called_dead: u32,
    /// Cells of a peer that ended its half and reads on, or whose program is frozen.
    apart: u32,
    /// Those in which it was called dead.
    apart_wrong: u32,
    /// Cells with a forecast.
    foretold: u32,
    /// Those whose forecast came true.
    foretold_right: u32,
}

/// Writes every line.
pub(super) fn experiments(experiments: &[Experiment], out: &mut impl Write) -> Result<(), Stop> {
    for experiment in experiments {
        line(out, &ExperimentJson::of(experiment))?;
        for cell in &experiment.cells {
            line(out, &CellJson::of(experiment, cell))?;
        }
    }
    for tally in &tally(experiments) {
        line(out, &TallyJson::of(tally))?;
    }
    Ok(())
}

impl<'a> ExperimentJson<'a> {
    fn of(experiment: &'a Experiment) -> Self {
        Self {
            scenario: &experiment.scenario,
            title: &experiment.title,
            sentence: &experiment.sentence,
            peer: experiment.peer.name(),
            deadline_s: experiment.deadline_s,
            proof: &experiment.proof,
            problems: &experiment.problems,
            unavailable: &experiment.unavailable,
            wire_lateness_ms: experiment.wire_lateness_ms,
        }
    }
}

impl<'a> CellJson<'a> {
    fn of(experiment: &'a Experiment, cell: &'a Cell) -> Self {
        let noticed = cell.noticed.as_ref();
        let foretold = cell.forecast.as_ref();
        Self {
            scenario: &experiment.scenario,
            peer: experiment.peer.name(),
            state: cell.state.name(),
            method: cell.method,
            verdict: cell.verdict.name(),
            answered: cell.answered,
            after_s: noticed.map(|noticed| noticed.after_s),
            signal: noticed.map(|noticed| noticed.signal.words.as_str()),
            foretold: foretold.is_some(),
            forecast_earliest_s: foretold.and_then(|foretold| foretold.earliest_s),
            forecast_latest_s: foretold.and_then(|foretold| foretold.latest_s),
            forecast_holds: foretold.map(|foretold| foretold.holds),
            carried: cell.carried,
        }
    }
}

impl<'a> TallyJson<'a> {
    fn of(tally: &'a Tally) -> Self {
        Self {
            method: &tally.method,
            title: &tally.title,
            settings: &tally.settings,
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
}
