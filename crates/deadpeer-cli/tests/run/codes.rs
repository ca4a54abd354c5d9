//! Exit codes and streams pass through.

use std::fs::File;
use std::process::Command;

use crate::common::{Ran, deadpeer, ran, run};

fn sh(script: &str) -> Ran {
    run(&[
        "run", "--within", "30s", "--quiet", "--", "sh", "-c", script,
    ])
}

#[test]
fn the_exit_code_is_the_programs() {
    for code in [0, 1, 2, 3, 77, 255] {
        assert_eq!(sh(&format!("exit {code}")).code, code);
    }
    assert_eq!(sh("kill -KILL $$").code, 128 + 9);
    assert_eq!(sh("kill -SEGV $$").code, 128 + 11);
}

/// For who ignores SIGCHLD, the kernel buries children unseen.
#[test]
fn who_starts_it_may_ignore_what_becomes_of_children() {
    for way in [&[][..], &["--no-bpf"]] {
        let mut command = Command::new("timeout");
        command.args(["60", "env", "--ignore-signal=CHLD"]);
        command.arg(env!("CARGO_BIN_EXE_deadpeer"));
        command
            .args(["run", "--within", "30s", "--quiet"])
            .args(way);
        command.args(["--", "sh", "-c", "sleep 0.1; exit 7"]);
        assert_eq!(ran(command.output()).code, 7, "{way:?}");
    }
}

#[test]
fn that_nobody_hears_it_is_no_reason_to_end() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut command = deadpeer(&["run", "--within", "30s", "--", "sh", "-c", "exit 7"]);
    assert_eq!(ran(command.stderr(full()).output()).code, 7);
    let mut command = deadpeer(&["protect", "--undo", "/nonexistent"]);
    assert_eq!(ran(command.stderr(full()).output()).code, 2);
}

#[test]
fn what_cannot_be_started_has_the_codes_of_env() {
    let of = |program: &str| run(&["run", "--within", "30s", "--", program]);
    let missing = of("/nonexistent/program");
    assert_eq!(missing.code, 127);
    assert!(
        missing
            .stderr
            .contains("/nonexistent/program: No such file"),
        "{missing:?}"
    );
    assert_eq!(of("/etc/passwd").code, 126);
    let impossible = run(&["run", "--within", "10ms", "--", "true"]);
    assert_eq!(impossible.code, 125);
    assert!(
        impossible.stderr.starts_with("deadpeer: "),
        "{impossible:?}"
    );
    assert_eq!(run(&["run", "--within", "30s"]).code, 125);
}

#[test]
fn streams_are_the_programs_own() {
    let said = sh("cat; echo out; echo err >&2");
    assert_eq!((&*said.stdout, &*said.stderr), ("out\n", "err\n"));
    let said = run(&["run", "--within", "30s", "--", "echo", "out"]);
    assert_eq!(said.stdout, "out\n");
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
    assert!(said.stderr.starts_with("deadpeer: "), "{said:?}");
}

#[test]
fn without_ebpf_it_says_what_is_left_open() {
    let said = run(&["run", "--within", "30s", "--no-bpf", "--", "true"]);
    // Nothing was to be promised.
    assert_eq!(said.code, 0);
    for words in ["no promise of 30s", "Left open: "] {
        assert!(said.stderr.contains(words), "{said:?}");
    }
}
