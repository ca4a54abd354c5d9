//! What came out, counted.

use std::time::Duration;

use deadpeer_core::Cause;
use deadpeer_lab::matrix::{Cell, CellVerdict, Experiment, Life};
use deadpeer_lab::scenario::Fate;

/// What came out for one deadline.
pub(super) struct Report {
    deadline: Duration,
    live: usize,
    false_alarms: usize,
    dead: usize,
    /// When each dead one was noticed, seconds.
    noticed: Vec<f64>,
    unnoticeable: usize,
    /// Connections that ended with an error, and those whose application still got it.
    errors: usize,
    errors_left: usize,
    mistakes: Vec<String>,
}

impl Report {
    pub(super) fn of(deadline: Duration) -> Self {
        Self {
            deadline,
            live: 0,
            false_alarms: 0,
            dead: 0,
            noticed: Vec::new(),
            unnoticeable: 0,
            errors: 0,
            errors_left: 0,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, experiment: &Experiment) {
        let problems = experiment.problems.iter();
        self.mistakes
            .extend(problems.map(|problem| format!("{}: {problem}", experiment.scenario)));
        let watched = experiment.lives.iter().filter(|life| life.method.is_some());
        for (cell, life) in experiment.cells.iter().zip(watched) {
            self.count(experiment, cell);
            self.count_error(experiment, cell, life);
        }
    }

    fn count(&mut self, experiment: &Experiment, cell: &Cell) {
        match experiment.peer {
            Fate::Alive => self.live += 1,
            Fate::Gone if cell.answered => self.unnoticeable += 1,
            Fate::Gone => self.dead += 1,
            Fate::Finished | Fate::Frozen => {}
        }
        match (cell.verdict, &cell.noticed) {
            (CellVerdict::Noticed, Some(noticed)) => self.noticed.push(noticed.after_s),
            (CellVerdict::FalseAlarm, _) => {
                self.false_alarms += 1;
                self.note("called dead", experiment, cell);
            }
            (CellVerdict::Late, _) => self.note("late", experiment, cell),
            (CellVerdict::Missed, _) => self.note("missed", experiment, cell),
            (CellVerdict::Noticed | CellVerdict::Quiet | CellVerdict::Unnoticeable, _) => {}
        }
    }

    /// A connection whose end was noticed, and not because it was closed in order, had an error to
    /// give to its application.
    fn count_error(&mut self, experiment: &Experiment, cell: &Cell, life: &Life) {
        let words = cell
            .noticed
            .as_ref()
            .map(|noticed| noticed.signal.words.as_str());
        let cause = words.and_then(|words| words.strip_prefix("died: "));
        if cause.is_none_or(|cause| cause == Cause::Closed.word()) {
            return;
        }
        self.errors += 1;
        match life.errno {
            Some(_) => self.errors_left += 1,
            None => self.note("no error left for the application", experiment, cell),
        }
    }

    fn note(&mut self, what: &str, experiment: &Experiment, cell: &Cell) {
        let noticed = cell.noticed.as_ref();
        let said = noticed.map_or_else(String::new, |noticed| {
            let (words, s) = (&noticed.signal.words, noticed.after_s);
            match s < 0.0 {
                true => format!(" before the fault: {words}"),
                false => format!(" after {s:.1} s: {words}"),
            }
        });
        self.mistakes.push(format!(
            "{}, {}: {what}{said}",
            experiment.scenario, cell.state
        ));
    }

    pub(super) fn print_mistakes(&self) {
        for mistake in &self.mistakes {
            println!("within {:?}: {mistake}", self.deadline);
        }
    }

    pub(super) fn is_right(&self) -> bool {
        self.mistakes.is_empty()
    }

    fn row(&self) -> String {
        let mut noticed = self.noticed.clone();
        noticed.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| noticed.get((noticed.len().max(1) - 1) * share / 100);
        let seconds =
            |time: Option<&f64>| time.map_or("-".to_owned(), |time| format!("{time:.1} s"));
        format!(
            "| {} s | {} | {} | {} of {} | {} | {} | {} | {} of {} |",
            self.deadline.as_secs(),
            self.live,
            self.false_alarms,
            self.noticed.len(),
            self.dead,
            seconds(at(50)),
            seconds(at(100)),
            self.unnoticeable,
            self.errors_left,
            self.errors
        )
    }
}

/// Prints the table.
pub(super) fn print(reports: &[Report]) {
    println!(
        "| deadline | live connections | false alarms | dead, noticed in time | median | latest | dead, but answered for | errors left to their applications |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    for report in reports {
        println!("{}", report.row());
    }
}
