//! Two witnesses, the kernel for the peer's host and the heartbeat for its program: what neither
//! could tell alone.

mod common;
mod experiments;

use deadpeer_lab::matrix::{CellVerdict, Experiment, Settings};
use deadpeer_lab::state::State;

use common::inside;
use experiments::{scenarios, settings};

const METHOD: &str = "supervised-heartbeat";

/// Runs scenarios with the one method.
fn run(names: &[&str], deadline_s: u64) -> Vec<Experiment> {
    let mut scenarios = scenarios(names);
    for scenario in &mut scenarios {
        scenario.methods = Some(vec![METHOD.to_owned()]);
    }
    let settings = Settings {
        at_once: names.len(),
        ..settings(deadline_s)
    };
    experiments::run(&scenarios, &settings)
}

/// A frozen program, and a proxy that answers for a dead host: the kernel answers, the program does
/// not. And hosts that are gone.
#[test]
fn silent_programs_are_told_from_hosts_that_are_gone() {
    inside(|| {
        let experiments = run(&["frozen", "proxy", "silent-drop", "power-off"], 14);
        for experiment in &experiments {
            let kernel_answers = ["frozen", "proxy"].contains(&experiment.scenario.as_str());
            for cell in &experiment.cells {
                // A peer that has ended its half has no heartbeat any more.
                if kernel_answers && cell.state == State::HalfClosedByPeer {
                    continue;
                }
                let place = format!("{}: {cell:?}", experiment.scenario);
                // Late only on a machine that is too busy to measure.
                let said = matches!(cell.verdict, CellVerdict::Noticed | CellVerdict::Late);
                assert!(said, "{place}");
                let words = cell.noticed.as_ref().map(|noticed| &noticed.signal.words);
                let of_the_program = words.is_some_and(|words| words.starts_with("program silent"));
                assert_eq!(of_the_program, kernel_answers, "{place}");
            }
        }
    });
}

/// A program that speaks without reading, a path that loses, delays, or is out for a while: all
/// alive.
#[test]
fn the_living_are_left_alone() {
    inside(|| {
        let live = [
            "not-reading",
            "slow-reader",
            "loss-5",
            "delay",
            "outage-third",
        ];
        for experiment in run(&live, 9) {
            assert!(!experiment.cells.is_empty());
            for cell in &experiment.cells {
                let place = format!("{}: {cell:?}", experiment.scenario);
                assert_eq!(cell.verdict, CellVerdict::Quiet, "{place}");
            }
        }
    });
}
