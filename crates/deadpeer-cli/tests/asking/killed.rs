//! Killed in the milliseconds of a question: what was lent is on record, and goes back.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use deadpeer_core::Effective;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use serde_json::Value;

use crate::common::population::Pair;
use crate::common::{deadpeer, ran};
use crate::scenes::{BOUND, gone, server_end};

/// Runs the command with a folder of its own for its state.
fn with_state(state: &Path, args: &[&str]) -> Command {
    let mut command = deadpeer(args);
    command.env("XDG_STATE_HOME", state);
    command
}

/// What `protect --list` knows.
fn listed(state: &Path) -> Vec<Value> {
    let ran = ran(with_state(state, &["protect", "--list", "--json"]).output());
    let lines = ran.stdout.lines();
    let lines = lines.map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["type"] == "undo_file")
        .collect()
}

fn options(pair: &Pair) -> Effective {
    sockopt::effective(&pair.server).unwrap()
}

/// Kills the command while it has borrowed something, and looks. Returns whether it was killed in
/// time.
fn killed_while_lent(verb: &[&str]) -> bool {
    let pair = gone();
    let end = server_end(&pair);
    let before = options(&pair);
    let state = tempfile::tempdir().unwrap();
    let args = [verb, &["--local", &end]].concat();
    let mut asking = with_state(state.path(), &args);
    let mut asking = asking
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let bound = Instant::now() + BOUND;
    while options(&pair) == before {
        assert!(Instant::now() < bound, "nothing is borrowed");
        if asking.try_wait().unwrap().is_some() {
            // It was quicker than we looked.
            return false;
        }
    }
    asking.kill().unwrap();
    asking.wait().unwrap();
    let lent = options(&pair);
    let [file] = &listed(state.path())[..] else {
        panic!("one file is left: {:?}", listed(state.path()));
    };
    assert_eq!(
        (&file["within_ms"], &file["sockets"]),
        (&Value::Null, &1.into())
    );
    let file = file["file"].as_str().unwrap();
    let ran = ran(with_state(state.path(), &["protect", "--undo", file, "--yes"]).output());
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(options(&pair), before);
    assert!(listed(state.path()).is_empty());
    lent != before
}

#[test]
fn what_was_lent_goes_back() {
    in_private_netns(|| {
        for verb in [
            &["ping", "-c", "1"][..],
            &["kill", "--unreachable", "--yes"],
        ] {
            // On a busy machine it may be given back before the signal comes.
            assert!((0..10).any(|_| killed_while_lent(verb)), "{verb:?}");
        }
    });
}

#[test]
fn nothing_is_left_on_record_when_it_ends_by_itself() {
    in_private_netns(|| {
        let pair = gone();
        let state = tempfile::tempdir().unwrap();
        let args = ["ping", "-c", "1", "--local", &server_end(&pair)];
        let ended = ran(with_state(state.path(), &args).output());
        assert_eq!(ended.code, 1, "{}", ended.stdout);
        assert!(listed(state.path()).is_empty());
    });
}

#[test]
fn without_a_place_for_the_record_it_asks_all_the_same_and_says_so() {
    in_private_netns(|| {
        let pair = gone();
        let args = ["ping", "-c", "1", "--local", &server_end(&pair)];
        let ended = ran(with_state(Path::new("/proc"), &args).output());
        assert_eq!(ended.code, 1, "{}", ended.stdout);
        assert!(
            ended
                .stdout
                .contains("not on record: cannot write /proc/deadpeer"),
            "{}",
            ended.stdout
        );
        assert!(ended.stdout.contains("not answered"), "{}", ended.stdout);
    });
}
