//! The table in a few numbers.

use super::{Cell, CellVerdict, Experiment};
use crate::scenario::Fate;

/// How often a method was right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// The method's name.
    pub method: String,
    /// Its title.
    pub title: String,
    /// Its settings in words.
    pub settings: String,
    /// Cells in which the peer was gone, and that could be noticed.
    pub dead: u32,
    /// Those that it noticed in time.
    pub dead_noticed: u32,
    /// Those that it noticed after the deadline.
    pub dead_late: u32,
    /// Cells in which the peer was gone while its end went on answering: nothing that TCP shows
    /// tells it from a live one.
    pub answered: u32,
    /// Those that it noticed all the same.
    pub answered_noticed: u32,
    /// Cells in which the peer lived.
    pub live: u32,
    /// Those in which it called it dead.
    pub live_called_dead: u32,
    /// Cells of a peer that ended its half and reads on, or whose program is frozen.
    pub apart: u32,
    /// Those in which it said what was not true.
    pub apart_wrong: u32,
    /// Cells with a forecast.
    pub foretold: u32,
    /// Those whose forecast came true.
    pub foretold_right: u32,
}

/// One tally for each method, in the order of the experiments' columns.
#[must_use]
pub fn tally(experiments: &[Experiment]) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = Vec::new();
    for experiment in experiments {
        for column in &experiment.methods {
            if !tallies.iter().any(|tally| tally.method == column.name) {
                tallies.push(Tally {
                    method: column.name.to_owned(),
                    title: column.title.to_owned(),
                    settings: column.settings.clone(),
                    ..Tally::default()
                });
            }
        }
        for cell in &experiment.cells {
            let Some(tally) = tallies.iter_mut().find(|tally| tally.method == cell.method) else {
                continue;
            };
            tally.count(experiment.peer, cell);
            if let Some(foretold) = &cell.forecast {
                tally.foretold += 1;
                tally.foretold_right += u32::from(foretold.holds);
            }
        }
    }
    tallies
}

impl Tally {
    fn count(&mut self, fate: Fate, cell: &Cell) {
        let verdict = cell.verdict;
        match fate {
            Fate::Gone if cell.answered => {
                self.answered += 1;
                self.answered_noticed += u32::from(verdict == CellVerdict::Noticed);
            }
            Fate::Gone => {
                self.dead += 1;
                self.dead_noticed += u32::from(verdict == CellVerdict::Noticed);
                self.dead_late += u32::from(verdict == CellVerdict::Late);
            }
            Fate::Alive => {
                self.live += 1;
                self.live_called_dead += u32::from(verdict == CellVerdict::FalseAlarm);
            }
            Fate::Finished | Fate::Frozen => {
                self.apart += 1;
                self.apart_wrong += u32::from(verdict == CellVerdict::FalseAlarm);
            }
        }
    }
}
