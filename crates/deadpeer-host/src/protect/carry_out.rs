//! Changing what was surveyed, and looking again.

use std::time::Instant;

use rustc_hash::FxHashSet;

use super::aim::Aim;
use super::batches::{Batches, Progress};
use super::outcome::{CarryOutError, Outcome};
use super::overwriting::Overwriting;
use super::survey::{Job, Survey};
use crate::filter::Filter;
use crate::table::Table;
use crate::undo::UndoFile;
use crate::work::Work;

/// So often connections are looked for that appeared while others were changed.
const PASSES: usize = 4;

/// Changes what the survey found, listeners first, and then what was accepted meanwhile with the
/// old settings.
///
/// Before anything is changed, what was before is in the undo file. Each socket is identified by
/// its cookie and must still have the settings that were surveyed. Killed at any moment, this
/// leaves whole connections, of which some have the new settings, and an undo file that knows all
/// of them.
///
/// A [burst](super::LoopbackBurst) of connections within this machine is changed a batch at a time,
/// as `backlog` (see [`backlog`](super::backlog())) asks for. Between two batches it can be
/// dropped.
#[derive(Debug)]
pub struct CarryOut<'a> {
    table: &'a mut Table,
    filter: &'a Filter,
    aim: &'a Aim,
    undo: &'a mut UndoFile,
    backlog: usize,
    survey: Survey,
    passes: usize,
    stage: Stage,
    /// Sockets that have had their turn, by cookie.
    tried: FxHashSet<u64>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Stage {
    /// There is a survey to be carried out, since then.
    Surveyed(Instant),
    Changing(Batches),
    Done,
}

impl<'a> CarryOut<'a> {
    /// Changes nothing yet.
    #[must_use]
    pub fn new(
        survey: Survey,
        table: &'a mut Table,
        filter: &'a Filter,
        aim: &'a Aim,
        undo: &'a mut UndoFile,
        backlog: usize,
        now: Instant,
    ) -> Self {
        Self {
            table,
            filter,
            aim,
            undo,
            backlog,
            survey,
            passes: 0,
            stage: Stage::Surveyed(now),
            tried: FxHashSet::default(),
            outcome: Outcome::default(),
        }
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self, now: Instant) -> Progress {
        match &self.stage {
            Stage::Changing(batches) => batches.progress(now),
            Stage::Surveyed(_) | Stage::Done => Progress::default(),
        }
    }

    /// What to say when it is broken off here.
    #[must_use]
    pub fn interrupted(&self, now: Instant) -> CarryOutError {
        let Progress { done, of, .. } = self.progress(now);
        CarryOutError::Interrupted { done, of }
    }

    /// What came of it.
    #[must_use]
    pub fn into_outcome(mut self) -> Outcome {
        self.outcome.left = self.survey;
        self.outcome
    }

    fn begin(&mut self, now: Instant) -> Result<(), CarryOutError> {
        if self.survey.changes() == 0 || self.passes == PASSES {
            self.stage = Stage::Done;
            return Ok(());
        }
        self.undo.add(self.survey.groups())?;
        let hz = self.table.kernel().hz;
        self.stage = Stage::Changing(Batches::of(&self.survey, self.backlog, hz, now));
        Ok(())
    }

    fn change(&mut self, places: &[usize]) -> Result<(), CarryOutError> {
        let (survey, outcome) = (&self.survey, &mut self.outcome);
        let jobs: Vec<&Job> = places
            .iter()
            .filter_map(|place| survey.jobs.get(*place))
            .collect();
        let tried = survey.change_all(self.table, &jobs, outcome)?;
        self.tried.extend(tried);
        Ok(())
    }

    fn refresh(&mut self, now: Instant) -> Result<(), CarryOutError> {
        let mut survey = Survey::take_again(self.table, self.filter, self.aim, &self.tried)?;
        // What connections showed before they were changed holds for those still to come.
        let shown = std::mem::take(&mut self.survey.overwriting);
        let again = |known: &Overwriting| {
            let found = &survey.overwriting;
            found
                .iter()
                .any(|new| (&new.process, new.port) == (&known.process, known.port))
        };
        let shown: Vec<_> = shown.into_iter().filter(|known| !again(known)).collect();
        survey.overwriting.extend(shown);
        self.survey = survey;
        self.survey.without(&self.tried);
        self.passes += 1;
        self.stage = Stage::Surveyed(now);
        Ok(())
    }
}

impl Work for CarryOut<'_> {
    type Error = CarryOutError;

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Surveyed(since) => Some(*since),
            Stage::Changing(batches) => Some(batches.poll_timeout()),
            Stage::Done => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), CarryOutError> {
        match &mut self.stage {
            Stage::Surveyed(_) => self.begin(now),
            Stage::Changing(batches) if now < batches.poll_timeout() => Ok(()),
            Stage::Changing(batches) => match batches.next(now) {
                Some(places) => self.change(&places),
                None => self.refresh(now),
            },
            Stage::Done => Ok(()),
        }
    }
}
