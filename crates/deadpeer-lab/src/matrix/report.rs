//! What an experiment has shown: its cells, and what is wrong with it.

use std::collections::HashMap;
use std::time::Duration;

use super::experiment::Stage;
use super::measure::Observed;
use super::proof::Witness;
use super::{Cell, CellVerdict, Column, Experiment, ExperimentError, Link, forecast};
use crate::method::{Eyes, Method};
use crate::scenario::Expectation;

impl Stage<'_> {
    pub(super) fn report(
        &mut self,
        expected: &HashMap<u32, forecast::Expected>,
        observed: &Observed,
        witness: &Witness,
    ) -> Result<Experiment, ExperimentError> {
        let cells = self.cells(expected, observed, witness);
        let mut problems = witness.problems.clone();
        for expectation in &self.scenario.expect {
            problems.extend(unkept(expectation, &cells));
        }
        let methods = &self.methods;
        let name = |link: &Link| link.method.map(|index| methods[index].name);
        let lives = self
            .links
            .iter_mut()
            .map(|link| link.life(name(link)))
            .collect();
        Ok(Experiment {
            scenario: self.scenario.name.clone(),
            title: self.scenario.title.clone(),
            sentence: self.scenario.sentence.clone(),
            peer: self.scenario.peer,
            deadline_s: self.deadline.as_secs_f64(),
            methods: self.methods.iter().map(column).collect(),
            unavailable: self
                .unavailable
                .iter()
                .map(|method| (method.name.to_owned(), method.why.clone()))
                .collect(),
            proof: witness.proof.clone(),
            cells,
            problems,
            struck_at: observed.struck_at,
            lives,
            wire_lateness_ms: self.lab.wire().punctuality()?.worst.as_secs_f64() * 1e3,
        })
    }

    /// What each method said of each connection that it watched.
    fn cells(
        &self,
        expected: &HashMap<u32, forecast::Expected>,
        observed: &Observed,
        witness: &Witness,
    ) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (place, link) in self.links.iter().enumerate() {
            let Some(method) = link.method.map(|index| &self.methods[index]) else {
                continue;
            };
            let noticed = observed.noticed[place].clone();
            let said = noticed.as_ref().map(|outcome| {
                (
                    outcome.signal.kind,
                    Duration::from_secs_f64(outcome.after_s.max(0.0)),
                )
            });
            let answered = witness.answered.contains(&link.state);
            let expected = expected
                .get(&link.id)
                .filter(|_| self.scenario.is_silent_in(link.state));
            let foretell = |expected: &forecast::Expected| match method.eyes {
                Eyes::Supervised(_) => {
                    let deadline = self.deadline + observed.slips[place];
                    Some(expected.of_judge(deadline, noticed.as_ref(), observed.watched))
                }
                Eyes::Recv | Eyes::State | Eyes::Readiness => {
                    Some(expected.of_kernel(noticed.as_ref(), observed.watched))
                }
                // What these say depends on what the program does, not on the kernel alone.
                Eyes::Send | Eyes::Heartbeat { .. } | Eyes::TwoWitnesses(_) => None,
            };
            cells.push(Cell {
                state: link.state,
                method: method.name,
                verdict: CellVerdict::of(self.scenario.peer, said, self.deadline)
                    .if_answered(answered),
                answered,
                forecast: expected.and_then(foretell),
                carried: witness.carried[place].both_ways(),
                answers: observed.answers(place, link),
                noticed,
            });
        }
        cells
    }
}

fn column(method: &Method) -> Column {
    Column {
        name: method.name,
        title: method.title,
        settings: method.settings.clone(),
    }
}

/// What an expectation misses, in sentences.
fn unkept(expectation: &Expectation, cells: &[Cell]) -> Vec<String> {
    let mut missed = Vec::new();
    for cell in cells
        .iter()
        .filter(|cell| cell.method == expectation.method)
    {
        let place = format!("{} in state {}", cell.method, cell.state);
        let words = cell
            .noticed
            .as_ref()
            .map(|noticed| noticed.signal.words.as_str());
        let said = match (&expectation.signal, words) {
            (None, words) => words.is_none(),
            (Some(signal), words) => words.is_some_and(|words| words.contains(signal)),
        };
        if !said {
            missed.push(format!(
                "{place} said {words:?}, not {:?}",
                expectation.signal
            ));
        }
        let after = cell.noticed.as_ref().map(|noticed| noticed.after_s);
        if let (Some((first, last)), Some(after)) = (expectation.between_s, after)
            && !(first..=last).contains(&after)
        {
            missed.push(format!(
                "{place} noticed after {after:.1} s, not {first} to {last} s"
            ));
        }
        if let Some(answers) = expectation.answers()
            && !cell.answers.is_some_and(|seen| answers.contains(&seen))
        {
            missed.push(format!(
                "{place} got {:?} answers, not {answers:?}",
                cell.answers
            ));
        }
    }
    missed
}
