//! The report as a page of the documentation.

use std::fmt::Write as _;

use deadpeer_lab::matrix::{CellVerdict, Experiment, tally};
use deadpeer_lab::scenario::Fate;
use deadpeer_lab::state::State;

/// The page; its picture stands beside it as `matrix.svg`.
pub(super) fn page(experiments: &[Experiment]) -> String {
    let mut page = String::new();
    let deadline = experiments
        .first()
        .map_or(0.0, |experiment| experiment.deadline_s);
    let kernel = deadpeer_sys::kernel_version().map_or_else(
        || "an unknown version".to_owned(),
        |version| version.to_string(),
    );
    let cells: usize = experiments
        .iter()
        .map(|experiment| experiment.cells.len())
        .sum();
    let _ = write!(
        page,
        "# The truth table\n\n\
         Every common way to notice a dead peer, against every fault we know, in every state of the connection: \
         {cells} cells, measured on Linux {}. The deadline by which a dead peer must be noticed is {deadline:.0} s, and every method \
         is set for it.\n\n\
         This page and its picture are the output of\n\n\
         ```sh\ncargo xtask lab-docs --within {deadline:.0}\n```\n\n\
         which needs a few minutes and no privilege. Every fault is proved to have had an effect: connections that nobody watches carry \
         nothing any more where the peer is gone, and carry bytes both ways afterwards where it lives. Random losses are drawn \
         for each connection from a seed. `deadpeer lab matrix --html FILE` writes a page with every time and every forecast.\n\n",
        kernel
    );
    tallies(&mut page, experiments);
    page.push_str(
        "![the table: a row for each fault, a block of states for each method](matrix.svg)\n\n",
    );
    states(&mut page);
    answered(&mut page, experiments);
    missed(&mut page, experiments);
    scenarios(&mut page, experiments);
    page
}

fn tallies(page: &mut String, experiments: &[Experiment]) {
    page.push_str("| method | settings | dead peers noticed | dead, but answered for | live peers called dead | forecasts right |\n|---|---|--:|--:|--:|--:|\n");
    for tally in tally(experiments) {
        let _ = writeln!(
            page,
            "| {} | {} | {} of {} | {} of {} | {} of {} | {} |",
            tally.title,
            tally.settings,
            tally.dead_noticed,
            tally.dead,
            tally.answered_noticed,
            tally.answered,
            tally.live_called_dead,
            tally.live,
            match tally.foretold {
                0 => "none made".to_owned(),
                all => format!("{} of {all}", tally.foretold_right),
            }
        );
    }
    page.push_str("\n\"Late\" counts as not noticed. \"Answered for\" are dead peers whose end goes on answering (see below). A forecast is right when the measured time is within 3 %, one retransmission timeout and 100 ms of it.\n\n");
}

fn states(page: &mut String) {
    page.push_str("## States\n\n");
    for state in State::ALL {
        let _ = writeln!(page, "- **{state}**: {}", state.sentence());
    }
    page.push('\n');
}

/// What nobody can notice who only asks TCP, and what proves it.
fn answered(page: &mut String, experiments: &[Experiment]) {
    page.push_str(
        "## What TCP cannot tell\n\n\
         The peer is gone, but its end of the connection goes on answering everything that TCP asks, so that nothing differs from a live \
         peer. Each run measures this on the connections that ask: every question was answered, the last one just before the end, \
         and nothing else came. Only the application's own heartbeat can tell, where both sides may still write.\n\n",
    );
    for experiment in experiments {
        let mut states: Vec<State> = experiment
            .cells
            .iter()
            .filter(|cell| cell.answered)
            .map(|cell| cell.state)
            .collect();
        states.dedup();
        if !states.is_empty() {
            let states: Vec<&str> = states.into_iter().map(State::name).collect();
            let _ = writeln!(
                page,
                "- {} in {}: {}",
                experiment.title,
                states.join(", "),
                experiment.proof
            );
        }
    }
    page.push('\n');
}

/// What deadpeer itself got wrong, one line for each scenario and kind of mistake.
fn missed(page: &mut String, experiments: &[Experiment]) {
    const MISTAKES: [CellVerdict; 3] = [
        CellVerdict::Missed,
        CellVerdict::Late,
        CellVerdict::FalseAlarm,
    ];
    page.push_str("## What deadpeer itself gets wrong\n\n");
    for (name, title) in [
        ("supervised", "supervised"),
        ("supervised-heartbeat", "with a heartbeat"),
        ("plan", "kernel only"),
    ] {
        for experiment in experiments {
            for mistake in MISTAKES {
                let cells = experiment.cells.iter();
                let states: Vec<&str> = cells
                    .filter(|cell| cell.method == name && cell.verdict == mistake)
                    .map(|cell| cell.state.name())
                    .collect();
                if !states.is_empty() {
                    let (states, mistake) = (states.join(", "), mistake.name());
                    let _ = writeln!(
                        page,
                        "- {title}, {}: {mistake} in {states}",
                        experiment.title
                    );
                }
            }
        }
    }
    page.push('\n');
}

fn scenarios(page: &mut String, experiments: &[Experiment]) {
    for (fate, title) in [
        (Fate::Gone, "The peer is gone"),
        (Fate::Alive, "The peer lives"),
        (Fate::Finished, "Apart: the peer shut down its half"),
        (Fate::Frozen, "Apart: the program is frozen"),
    ] {
        let _ = writeln!(page, "## {title}\n");
        for experiment in experiments
            .iter()
            .filter(|experiment| experiment.peer == fate)
        {
            let _ = writeln!(
                page,
                "- **{}** (`{}`): {}",
                experiment.title, experiment.scenario, experiment.sentence
            );
        }
        page.push('\n');
    }
    // One newline at the end of the file.
    page.pop();
}
