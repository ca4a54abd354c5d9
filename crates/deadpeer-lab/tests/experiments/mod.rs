//! Experiments in a test, whose program is their peer, too.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::Write as _;
use std::time::Duration;

use deadpeer_lab::matrix::{self, Experiment, Settings};
use deadpeer_lab::peer::{self, Launch};
use deadpeer_lab::scenario::{self, Scenario};

/// Set for the copy of this program that is the peer.
const PEER: &str = "DEADPEER_LAB_TEST_PEER";

const THE_PEER: &str = "experiments::the_peer";

/// No test: the program that the labs of the other tests start as their peer.
#[test]
fn the_peer() {
    if std::env::var_os(PEER).is_some() {
        // The harness has begun a line of its own.
        std::io::stdout().write_all(b"\n").unwrap();
        peer::serve().unwrap();
    }
}

/// IPv4, five at a time, no captures.
pub(crate) fn settings(deadline_s: u64) -> Settings {
    Settings {
        deadline: Duration::from_secs(deadline_s),
        seed: 11,
        ipv6: false,
        at_once: 5,
        captures: None,
        peer: Launch {
            program: std::env::current_exe().unwrap().into(),
            arguments: ["--exact", THE_PEER, "--nocapture", "--test-threads=1"]
                .map(Into::into)
                .into(),
            environment: vec![(PEER.into(), "1".into())],
        },
    }
}

pub(crate) fn scenarios(names: &[&str]) -> Vec<Scenario> {
    let named = |name: &&str| scenario::named(name).unwrap().unwrap();
    names.iter().map(named).collect()
}

/// Runs them, and asserts that every one could be made and was what it claims to be.
pub(crate) fn run(scenarios: &[Scenario], settings: &Settings) -> Vec<Experiment> {
    let results = matrix::run_all(scenarios, settings, |_| {});
    let experiments: Vec<Experiment> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(experiments.len(), scenarios.len());
    for experiment in &experiments {
        assert_eq!(experiment.problems, [""; 0], "{}", experiment.scenario);
        assert!(!experiment.proof.is_empty());
    }
    experiments
}
