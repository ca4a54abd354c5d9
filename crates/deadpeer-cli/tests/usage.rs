//! Wrong arguments, closed pipes, full disks: one sentence or none, and the right exit code.

mod common;

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use common::{deadpeer, ran, run};

/// Arguments that can't be meant, and a part of the sentence that says why.
const REFUSED: &[(&str, &str)] = &[
    ("", "a verb is missing"),
    ("frobnicate", "unrecognized subcommand 'frobnicate'"),
    ("audti", "a similar subcommand exists: 'audit'"),
    (
        "plan",
        "required arguments were not provided: --within <TIME>",
    ),
    ("plan --within 30", "the unit is missing, write 30s"),
    ("plan --within 0s", "longer than zero"),
    ("plan --within -5s", "cannot be negative"),
    ("plan --within soon", "not a duration"),
    ("plan --within 99999999999999999999s", "not a duration"),
    ("plan --within 2y", "a year (365d) is the most"),
    (
        "plan --within 30s --survive-lost -1",
        "unexpected argument '-1'",
    ),
    ("plan --within 30s --survive-lost many", "invalid digit"),
    (
        "plan --within 30s --slow-readers maybe",
        "invalid value 'maybe'",
    ),
    (
        "plan --within 30s --except nosuch",
        "idle, in-flight, late-write",
    ),
    ("plan --within 30s --kernel 2.4", "invalid value '2.4'"),
    ("plan --within 30s --code cobol", "invalid value 'cobol'"),
    ("plan --within 30s --code c --json", "cannot be used with"),
    ("audit --port 99999", "a port is a number from 1 to 65535"),
    (
        "audit --port no-such-service",
        "a port is a number from 1 to 65535",
    ),
    ("audit --state foo", "established"),
    ("audit --user no-such-user-here", "there is no such user"),
    (
        "audit --peer garbage",
        "not an address, prefix or address:port",
    ),
    (
        "audit --local 10.0.0.0/99",
        "not an address, prefix or address:port",
    ),
    ("audit --pid 2147483647", "there is no such process"),
    ("audit --pid 0", "a pid is a positive number"),
    ("audit --cgroup no/such/cgroup", "there is no such cgroup"),
    (
        "protect --new-connections --cgroup no/such/cgroup --within 30s --dry-run",
        "there is no such cgroup",
    ),
    ("audit --netns no-such-namespace", "no-such-namespace"),
    ("audit --netns /no/such/namespace", "/no/such/namespace"),
    ("audit --netns 2147483647", "2147483647"),
    ("audit --netns /etc/passwd", "network namespace"),
    ("audit --all --port 80", "cannot be used with"),
    ("audit --middlebox my-firewall", "gcp (600s)"),
    ("audit --within 30", "write 30s"),
    ("audit --color sometimes", "invalid value 'sometimes'"),
    ("completions", "<SHELL>"),
    ("completions tcsh", "bash"),
    ("lab run /dev/zero", "it has more than 4194304 bytes"),
    ("lab run Cargo.toml", "scenario Cargo, line "),
    ("man nosuch", "no verb is called 'nosuch'"),
];

#[test]
fn what_cannot_be_meant_is_refused_in_one_sentence() {
    for (line, said) in REFUSED {
        let ran = run(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ran.code, 2, "{line}: {ran:?}");
        assert_eq!(ran.stdout, "", "{line}");
        assert!(ran.stderr.contains(said), "{line}: {}", ran.stderr);
        assert!(
            ran.stderr.starts_with("deadpeer: "),
            "{line}: {}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{line}: {}", ran.stderr);
    }
}

#[test]
fn arguments_cannot_paint_the_terminal() {
    for args in [
        ["audit", "--peer", "\u{1b}[31mred"],
        ["man", "\u{1b}[31mred", "--all"],
    ] {
        let ran = run(&args);
        assert_eq!(ran.code, 2);
        assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for line in ["--help", "-h", "--version", "audit --help", "plan -h"] {
        let ran = run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        assert!(!ran.stdout.is_empty());
    }
}

#[test]
fn colours_come_when_wanted() {
    let coloured = |flag: &[&str], variable: Option<(&str, &str)>| {
        let mut command =
            deadpeer(&[flag, &["plan", "--within", "1h", "--kernel", "modern"]].concat());
        command.envs(variable);
        ran(command.output()).stdout.contains('\u{1b}')
    };
    assert!(!coloured(&[], None), "not in a pipe");
    assert!(coloured(&["--color", "always"], None));
    assert!(
        coloured(&["--color", "always"], Some(("NO_COLOR", "1"))),
        "the flag is stronger"
    );
    assert!(coloured(&[], Some(("CLICOLOR_FORCE", "1"))));
    assert!(!coloured(
        &["--color", "never"],
        Some(("CLICOLOR_FORCE", "1"))
    ));
}

/// Every verb and how it is asked for much output.
const TALKATIVE: &[&str] = &[
    "--help",
    "plan --within 60s",
    "plan --within 60s --json",
    "audit",
    "audit --each",
    "audit --each --json",
    "completions bash",
    "man audit",
];

#[test]
fn a_closed_pipe_is_success() {
    for line in TALKATIVE {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = deadpeer(&line.split(' ').collect::<Vec<_>>());
        let ran = ran(command.stdout(writer).stderr(Stdio::piped()).output());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for line in TALKATIVE.iter().filter(|line| **line != "--help") {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = deadpeer(&line.split(' ').collect::<Vec<_>>());
        let ran = ran(command.stdout(full).stderr(Stdio::piped()).output());
        assert_eq!(ran.code, 2, "{line}");
        assert!(
            ran.stderr.contains("cannot write the output"),
            "{line}: {}",
            ran.stderr
        );
    }
}

#[test]
fn who_reads_one_line_gets_one_line() {
    let mut child = deadpeer(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 8];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
