//! What `lab` publishes.

use serde::{Deserialize, Serialize};

use super::Word;

/// What one method noticed of one fault in one state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "cell")]
pub struct Cell {
    /// The scenario's name.
    pub scenario: String,
    /// What had become of the peer: gone, alive, finished (it ended its half and reads on) or
    /// frozen.
    pub peer: Word,
    /// What the connection was doing.
    pub state: Word,
    /// The method's name.
    pub method: Word,
    /// noticed, late (after the deadline), missed, unnoticeable (the peer's end went on answering),
    /// quiet (rightly) or false-alarm.
    pub verdict: Word,
    /// Whether the peer's end went on answering to the last: TCP shows nothing but what a live peer
    /// shows.
    pub answered: bool,
    /// When it was noticed, seconds after the fault; null: not at all.
    pub after_s: Option<f64>,
    /// By what.
    pub signal: Option<String>,
    /// Whether a forecast was made for this cell.
    pub foretold: bool,
    /// The forecast: not before; null without a forecast, and for a connection that is never given
    /// up.
    pub forecast_earliest_s: Option<f64>,
    /// The forecast: not after.
    pub forecast_latest_s: Option<f64>,
    /// Whether what was measured agrees with the forecast, within 3 %, one RTO and 100 ms.
    pub forecast_holds: Option<bool>,
    /// Whether this very connection carried bytes afterwards, each way that was open.
    pub carried: bool,
}

/// One scenario as it was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "experiment")]
pub struct Experiment {
    /// The scenario's name.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// Its sentence.
    pub sentence: String,
    /// What had become of the peer.
    pub peer: Word,
    /// The time in which a dead peer was to be noticed.
    pub deadline_s: f64,
    /// What proves that the fault bit.
    pub proof: String,
    /// What is wrong with the experiment itself; empty: nothing.
    pub problems: Vec<String>,
    /// Methods that cannot be had on this kernel, with the reason.
    pub unavailable: Vec<(String, String)>,
    /// The most that a packet was late on the wire.
    pub wire_lateness_ms: f64,
}

/// How often a method was right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "tally")]
pub struct Tally {
    /// The method's name.
    pub method: String,
    /// Its title.
    pub title: String,
    /// Its settings in words.
    pub settings: String,
    /// Cells in which the peer was gone, and that could be noticed.
    pub dead: u32,
    /// Those noticed within the deadline.
    pub dead_noticed: u32,
    /// Those noticed after it.
    pub dead_late: u32,
    /// Cells in which the peer was gone while its end went on answering.
    pub answered: u32,
    /// Those noticed all the same.
    pub answered_noticed: u32,
    /// Cells in which the peer lived.
    pub live: u32,
    /// Those in which it was called dead.
    pub live_called_dead: u32,
    /// Cells of a peer that ended its half and reads on, or whose program is frozen.
    pub apart: u32,
    /// Those in which it was called dead.
    pub apart_wrong: u32,
    /// Cells with a forecast.
    pub foretold: u32,
    /// Those whose forecast came true.
    pub foretold_right: u32,
}
