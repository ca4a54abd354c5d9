//! Captures of a representative part of the experiments tell the true story; `cargo xtask
//! check-explain` tries all.

mod common;
mod experiments;

use deadpeer_lab::matrix::{self, Settings};
use deadpeer_lab::stories::{At, Mistake, Truth, compare};

use common::inside;
use experiments::{scenarios, settings};

/// The stories of all connections of these scenarios that are not true, and how many were held
/// against the truth.
fn mistakes(names: &[&str]) -> (Vec<Mistake>, [usize; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        seed: 5,
        at_once: names.len(),
        captures: Some(folder.path().to_owned()),
        ..settings(8)
    };
    let mut found = Vec::new();
    let mut counts = [0; 2];
    for result in matrix::run_all(&scenarios(names), &settings, |_| {}) {
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
