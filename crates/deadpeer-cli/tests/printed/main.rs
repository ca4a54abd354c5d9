//! Every command that README, docs/ and the help texts print is run as it is printed, on a stage
//! with the programs that it names. Those that can't be run there are named with their reason.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../src/documented/printed.rs"]
mod printed;
mod stage;
mod widths;

use std::collections::{BTreeMap, BTreeSet};

use common::{run, verbs};
use printed::{Printed, commands, documents};
use stage::{Stage, line};

/// What is not run here, by what its text contains, and why.
const ELSEWHERE: [(&str, &str); 5] = [
    (
        "lab matrix",
        "takes minutes; `cargo xtask lab-docs` runs it for docs/matrix.md",
    ),
    (
        "--cgroup ",
        "takes a unit of systemd; tests/protect and tests/kernels run it on cgroups",
    ),
    ("--remove ", "takes away what --cgroup has made"),
    (
        "java -jar worker.jar",
        "stands for a program of the reader's",
    ),
    (
        "deadpeer connect THERE:8888 --method recv --within 30s",
        "typed on another machine, with what its reader does to the cable",
    ),
];

/// How a command ends.
enum End {
    ByItself,
    /// Runs on until it is interrupted.
    Stopped,
    /// The same, beside the others.
    StoppedAside,
    /// A test of a server, in namespaces of its own.
    InTheBackground,
}

fn end(command: &Printed) -> End {
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    let has = |word: &str| words.contains(&word);
    match words[1] {
        "test" if words.len() > 2 => End::InTheBackground,
        // What it records is read by others, and two can't listen on one port.
        "watch" if has("--record") => End::Stopped,
        "listen" => End::Stopped,
        "watch" | "connect" => End::StoppedAside,
        "ping" if !has("-c") => End::StoppedAside,
        "guard" if words.len() == 2 || has("--listen") => End::Stopped,
        "explain" if has("--live") => End::StoppedAside,
        _ => End::ByItself,
    }
}

/// What is recorded has to be there before it is read.
fn order(typed: &str) -> (bool, bool) {
    (typed.contains("--undo"), !typed.contains("--record"))
}

/// Each command once, whole where it is printed whole anywhere.
fn all() -> Vec<Printed> {
    // Those of the situations take each its own scene: `cargo xtask check-situations` plays them.
    let documents = documents().into_iter();
    let documents = documents.filter(|(name, _)| name != "situations.md");
    let mut texts: Vec<String> = documents.map(|(_, text)| text).collect();
    let help = run(&["--help"]).stdout;
    let lab = run(&["lab", "--help"]).stdout;
    texts.extend(
        verbs(&help)
            .iter()
            .map(|verb| run(&[verb, "--help"]).stdout),
    );
    texts.extend(
        verbs(&lab)
            .iter()
            .map(|verb| run(&["lab", verb, "--help"]).stdout),
    );
    texts.extend([help, lab]);
    let mut found: BTreeMap<String, Printed> = BTreeMap::new();
    for command in texts.iter().flat_map(|text| commands(text)) {
        let known = found
            .entry(command.typed.clone())
            .or_insert(command.clone());
        known.is_whole |= command.is_whole;
    }
    let mut all: Vec<Printed> = found.into_values().collect();
    all.sort_by_key(|command| order(&command.typed));
    all
}

fn elsewhere(command: &Printed) -> bool {
    ELSEWHERE
        .iter()
        .any(|(part, _)| command.typed.contains(part))
}

#[test]
fn what_runs_elsewhere_is_still_printed() {
    let all = all();
    let unused: Vec<_> = ELSEWHERE
        .iter()
        .filter(|(part, _)| !all.iter().any(|command| command.typed.contains(part)))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_printed_command_runs() {
    let commands: Vec<Printed> = all().into_iter().filter(|one| !elsewhere(one)).collect();
    assert!(commands.len() > 70, "only {} commands", commands.len());
    let lines = |how: &str, ends: fn(&End) -> bool| -> String {
        let numbered = commands.iter().enumerate();
        let meant = numbered.filter(|(_, command)| ends(&end(command)));
        meant
            .map(|(number, command)| line(how, number, &command.typed))
            .collect()
    };
    // What takes long begins first.
    let script = [
        lines("later", |end| matches!(end, End::InTheBackground)),
        lines("until_stopped", |end| matches!(end, End::Stopped)),
        "serve\n".to_owned(),
        lines("aside", |end| matches!(end, End::StoppedAside)),
        lines("once", |end| matches!(end, End::ByItself)),
    ];
    let Some(stage) = Stage::play(&script.concat()) else {
        return;
    };
    let mut wrong = BTreeSet::new();
    for (number, command) in commands.iter().enumerate() {
        let code = stage.codes.get(&number).copied();
        // A verb that stands for itself may lack what it needs.
        let fine = match code {
            Some(0 | 1 | 3) => true,
            Some(2) => !command.is_whole,
            Some(130) => matches!(end(command), End::Stopped | End::StoppedAside),
            // `run` has what its program says for itself.
            Some(125) => !command.is_whole && command.words[1] == "run",
            _ => false,
        };
        if !fine {
            wrong.insert(format!(
                "{}: {code:?}: {}",
                command.typed,
                stage.said(number)
            ));
        }
    }
    let wrong = Vec::from_iter(wrong).join("\n");
    assert!(wrong.is_empty(), "{wrong}\n{}", stage.complaints);
}
