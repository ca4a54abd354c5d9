//! Help, manual pages and completions: one definition, many outputs.
//!
//! After a change of the command line: `SNAPSHOTS=overwrite cargo test -p deadpeer-cli --test
//! help`.

mod common;

use snapbox::{assert_data_eq, file};

use common::run;

#[test]
fn help_reads_well() {
    assert_data_eq!(run(&["--help"]).stdout, file!["snapshots/help.txt"].raw());
    for verb in [
        "audit", "plan", "test", "listen", "connect", "watch", "history", "run", "ping", "protect",
        "kill",
    ] {
        let snapshot = format!(
            "{}/tests/snapshots/help-{verb}.txt",
            env!("CARGO_MANIFEST_DIR")
        );
        let snapshot = snapbox::Data::read_from(snapshot.as_ref(), None);
        assert_data_eq!(run(&[verb, "--help"]).stdout, snapshot.raw());
    }
}

const VERBS: [&str; 16] = [
    "audit",
    "plan",
    "explain",
    "test",
    "lab",
    "listen",
    "connect",
    "watch",
    "history",
    "run",
    "ping",
    "protect",
    "kill",
    "guard",
    "completions",
    "man",
];

#[test]
fn every_verb_names_its_exit_codes_and_refuses_with_the_one_for_usage() {
    let verbs = run(&["--help"]).stdout;
    for verb in VERBS {
        assert!(verbs.contains(&format!("  {verb} ")), "{verb}");
        let help = run(&[verb, "--help"]);
        assert_eq!(help.code, 0);
        assert_eq!(run(&["help", verb]).stdout, help.stdout, "{verb}");
        assert_eq!(help.stdout.matches("Exit codes:").count(), 1, "{verb}");
        let usage = run(&[verb, "--no-such-flag"]);
        // What is less than 125 is the program's that `run` runs.
        let code = if verb == "run" { 125 } else { 2 };
        assert_eq!(usage.code, code, "{verb}: {}", usage.stderr);
        assert!(usage.stderr.starts_with("deadpeer: "), "{}", usage.stderr);
    }
    let listed = verbs.lines().skip_while(|line| !line.starts_with("Verbs"));
    let listed = listed.skip(1).take_while(|line| !line.is_empty());
    let listed = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    assert_eq!(listed.count(), VERBS.len() + 1, "these and help: {verbs}");
}

#[test]
fn every_verb_has_a_manual_page() {
    let check = |args: &[&str], said: &str| {
        let page = run(args);
        assert_eq!((page.code, page.stderr.as_str()), (0, ""));
        assert!(page.stdout.contains(said), "{args:?}: {}", page.stdout);
        assert!(page.stdout.contains("Exit codes"), "{args:?}");
    };
    for verb in VERBS {
        check(&["man", verb], &format!(".TH deadpeer-{verb} 1"));
    }
    check(&["man"], ".TH deadpeer 1");
    check(&["man", "lab", "run"], "deadpeer\\-lab\\-run");
    check(&["man", "ping"], "CAP_SYS_PTRACE");
    check(&["man", "protect"], "CAP_PERFMON");
    check(&["man", "kill"], "CAP_NET_ADMIN");
}

#[test]
fn manual_and_help_know_the_same_flags() {
    for verb in VERBS {
        let page = run(&["man", verb]).stdout.replace('\\', "");
        let help = run(&[verb, "--help"]).stdout;
        let flags = help.split_whitespace().filter(|word| {
            word.len() > 3
                && word.starts_with("--")
                && word[2..]
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'-')
        });
        let mut seen = 0;
        for flag in flags {
            assert!(
                page.contains(flag),
                "{verb}: {flag} is not in the manual page"
            );
            seen += 1;
        }
        // --color and --help are every verb's.
        assert!(seen >= 2, "{verb}: only {seen} flags found in the help");
    }
}

#[test]
fn every_shell_gets_completions_for_every_verb() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell]);
        assert_eq!((script.code, script.stderr.as_str()), (0, ""));
        for word in ["audit", "plan", "within", "survive-lost", "netns"] {
            assert!(script.stdout.contains(word), "{shell}: {word}");
        }
    }
}
