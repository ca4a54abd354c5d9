//! Captures of a representative part of the experiments tell the true story; `cargo xtask check-explain` tries all.

mod common;

use std::io::Write as _;
use std::time::Duration;

use common::inside;
use deadpeer_lab::matrix::{self, Settings};
use deadpeer_lab::peer::{self, Launch};
use deadpeer_lab::scenario::{self, Scenario};
use deadpeer_lab::stories::{At, Mistake, Truth, compare};

/// Set for the copy of this program that is the peer.
const PEER: &str = "DEADPEER_LAB_TEST_PEER";

/// No test: the program that the labs of the other tests start as their peer.
#[test]
fn the_peer() {
    if std::env::var_os(PEER).is_some() {
        // The harness has begun a line of its own.
        std::io::stdout().write_all(b"\n").unwrap();
        peer::serve().unwrap();
    }
}

/// The stories of all connections of these scenarios that are not true, and how many were held against the truth.
fn mistakes(names: &[&str]) -> (Vec<Mistake>, [usize; 2]) {
    let named = |name: &&str| scenario::named(name).unwrap().unwrap();
    let scenarios: Vec<Scenario> = names.iter().map(named).collect();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        deadline: Duration::from_secs(8),
        seed: 5,
        ipv6: false,
        at_once: names.len(),
        captures: Some(folder.path().to_owned()),
        peer: Launch {
            program: std::env::current_exe().unwrap().into(),
            arguments: ["--exact", "the_peer", "--nocapture", "--test-threads=1"]
                .map(Into::into)
                .into(),
            environment: vec![(PEER.into(), "1".into())],
        },
    };
    let mut found = Vec::new();
    let mut counts = [0; 2];
    for result in matrix::run_all(&scenarios, &settings, |_| {}) {
        let experiment = result.unwrap();
        let directory = folder.path().join(&experiment.scenario);
        let score = compare(&directory, &Truth::of(&experiment)).unwrap();
        counts[0] += score.stories(At::Ours);
        counts[1] += score.stories(At::Theirs);
        found.extend(score.mistakes);
    }
    (found, counts)
}

#[test]
fn stories_are_true_at_both_ends() {
    inside(|| {
        let names = [
            "silent-drop-theirs",
            "killed",
            "reboot",
            "icmp-host",
            "own-interface-down",
            "not-reading",
        ];
        let (mistakes, [ours, theirs]) = mistakes(&names);
        assert!(mistakes.is_empty(), "{mistakes:#?}");
        assert!(ours > 400 && theirs > 400, "{ours} and {theirs} stories");
    });
}
