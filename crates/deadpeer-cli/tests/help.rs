//! Help, manual pages and completions: one definition, many outputs.
//!
//! After a change of the command line: `SNAPSHOTS=overwrite cargo test -p deadpeer-cli --test
//! help`.

mod common;

use snapbox::{assert_data_eq, file};

use common::{run, verbs};

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

#[test]
fn every_verb_names_its_exit_codes_and_refuses_with_the_one_for_usage() {
    for verb in verbs(&run(&["--help"]).stdout) {
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
}

/// Who runs a verb as root finds there what it does to others.
#[test]
fn every_verb_is_in_the_table_of_the_security_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../SECURITY.md");
    let document = std::fs::read_to_string(path).unwrap();
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let first: String = rows.filter_map(|row| row.split('|').nth(1)).collect();
    for verb in verbs(&run(&["--help"]).stdout) {
        let told = first.contains(&format!("`{verb}`")) || first.contains(&format!("`{verb} "));
        let touches_nothing = ["completions", "man"].contains(&verb);
        assert!(told || touches_nothing, "{verb}");
    }
}

#[test]
fn every_verb_has_a_manual_page() {
    let check = |args: &[&str], said: &str| {
        let page = run(args);
        assert_eq!((page.code, page.stderr.as_str()), (0, ""));
        assert!(page.stdout.contains(said), "{args:?}: {}", page.stdout);
        assert!(page.stdout.contains("EXIT STATUS"), "{args:?}");
    };
    for verb in verbs(&run(&["--help"]).stdout) {
        check(&["man", verb], &format!(".TH deadpeer-{verb} 1"));
        if !["completions", "man"].contains(&verb) {
            check(&["man", verb], ".SH EXAMPLES");
        }
    }
    check(&["man"], ".TH deadpeer 1");
    check(&["man", "lab", "run"], "deadpeer\\-lab\\-run");
    check(&["man", "ping"], "CAP_SYS_PTRACE");
    check(&["man", "protect"], "CAP_PERFMON");
    check(&["man", "kill"], "CAP_NET_ADMIN");
}

#[test]
fn manual_and_help_know_the_same_flags() {
    for verb in verbs(&run(&["--help"]).stdout) {
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
