//! Two witnesses, the kernel for the peer's host and the heartbeat for its program: what neither could tell alone.

mod common;

use std::io::Write as _;
use std::time::Duration;

use common::inside;
use deadpeer_lab::matrix::{self, Experiment, Settings, Verdict};
use deadpeer_lab::peer::{self, Launch};
use deadpeer_lab::scenario;
use deadpeer_lab::state::State;

/// Set for the copy of this program that is the peer.
const PEER: &str = "DEADPEER_LAB_TEST_PEER";
const METHOD: &str = "supervised-heartbeat";

/// No test: the program that the labs of the other tests start as their peer.
#[test]
fn the_peer() {
    if std::env::var_os(PEER).is_some() {
        // The harness has begun a line of its own.
        std::io::stdout().write_all(b"\n").unwrap();
        peer::serve().unwrap();
    }
}

/// Runs scenarios with the one method.
fn run(names: &[&str], deadline_s: u64) -> Vec<Experiment> {
    let mut scenarios = Vec::new();
    for name in names {
        let mut scenario = scenario::named(name).unwrap().unwrap();
        scenario.methods = Some(vec![METHOD.to_owned()]);
        scenarios.push(scenario);
    }
    let settings = Settings {
        deadline: Duration::from_secs(deadline_s),
        seed: 11,
        ipv6: false,
        at_once: names.len(),
        captures: None,
        peer: Launch {
            program: std::env::current_exe().unwrap().into(),
            arguments: ["--exact", "the_peer", "--nocapture", "--test-threads=1"]
                .map(Into::into)
                .into(),
            environment: vec![(PEER.into(), "1".into())],
        },
    };
    let results = matrix::run_all(&scenarios, &settings, |_| {});
    let experiments: Vec<Experiment> = results.into_iter().map(Result::unwrap).collect();
    for experiment in &experiments {
        assert_eq!(experiment.problems, [""; 0], "{}", experiment.scenario);
    }
    experiments
}

/// A frozen program, and a proxy that answers for a dead host: the kernel answers, the program does not. And hosts that are gone.
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
                let said = matches!(cell.verdict, Verdict::Noticed | Verdict::Late);
                assert!(said, "{place}");
                let words = cell.noticed.as_ref().map(|noticed| &noticed.signal.words);
                let of_the_program = words.is_some_and(|words| words.starts_with("program silent"));
                assert_eq!(of_the_program, kernel_answers, "{place}");
            }
        }
    });
}

/// A program that speaks without reading, a path that loses, delays, or is out for a while: all alive.
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
                assert_eq!(cell.verdict, Verdict::Quiet, "{place}");
            }
        }
    });
}
