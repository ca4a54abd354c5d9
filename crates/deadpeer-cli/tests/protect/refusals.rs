//! What is refused before anything is looked at, each with a sentence.

use crate::common::{deadpeer, ran, run};

fn refused(args: &[&str], said: &str) {
    let ran = run(args);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (2, ""),
        "{args:?}: {}",
        ran.stderr
    );
    assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn nobody_is_changed_unasked() {
    refused(
        &["protect", "--all", "--within", "30s"],
        "no terminal to ask for confirmation",
    );
    refused(
        &["protect", "--within", "30s", "--yes"],
        "no connections selected",
    );
    refused(
        &["kill", "--all", "--unreachable"],
        "no terminal to ask for confirmation",
    );
    refused(
        &["kill", "--unreachable", "--yes"],
        "no connections selected",
    );
    refused(&["ping"], "no connections selected");
}

#[test]
fn a_question_needs_its_parts() {
    refused(&["protect", "--all"], "--within");
    refused(&["kill", "--all", "--yes"], "--silent-for");
    refused(
        &["ping", "--all", "-i", "500ms"],
        "no keepalive probe before a second",
    );
    refused(&["ping", "--all", "-c", "0"], "0");
    refused(
        &["protect", "--within", "30s", "--yes", "--dry-run", "--all"],
        "cannot be used with",
    );
    for alone in ["--list", "--new-connections"] {
        let args = ["protect", "--sysctl", "--within", "30s", "--all", alone];
        refused(&args, "cannot be used with");
    }
}

#[test]
fn connections_still_to_come_have_no_port() {
    refused(
        &[
            "protect",
            "--new-connections",
            "--within",
            "30s",
            "--port",
            "80",
            "--yes",
        ],
        "takes a single --cgroup or --container, or --all",
    );
}

#[test]
fn an_undo_file_must_be_one() {
    refused(
        &["protect", "--undo", "/nonexistent/file", "--yes"],
        "cannot read /nonexistent/file",
    );
    refused(
        &["protect", "--undo", "/proc/self/status", "--yes"],
        "is not an undo file",
    );
}

#[test]
fn a_deadline_that_cannot_be_kept_is_refused_with_what_could() {
    let ran = run(&["protect", "--all", "--within", "2s", "--yes"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert!(ran.stdout.contains("2 s"), "{}", ran.stdout);
}

#[test]
fn nothing_that_matches_is_not_fine() {
    let undo = tempfile::tempdir().unwrap();
    let mut command = deadpeer(&[
        "protect",
        "--within",
        "30s",
        "--yes",
        "--peer",
        "192.0.2.250",
    ]);
    let none = ran(command.env("XDG_STATE_HOME", undo.path()).output());
    assert_eq!(none.code, 3, "{}", none.stderr);
    assert!(
        none.stdout
            .contains("No connection and no listener matches"),
        "{}",
        none.stdout
    );
}
