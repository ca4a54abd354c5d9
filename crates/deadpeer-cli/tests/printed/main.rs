//! Every command that README, docs/ and the help texts print is run as it is printed, on a stage
//! with the programs that it names. Those that can't be run there are named with their reason.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../src/documented/printed.rs"]
mod printed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use deadpeer_sys::testing::skip;

use common::run;
use printed::{Printed, commands, documents};

/// The whole of it takes about as long as the longest `deadpeer test` and every command that runs
/// until it is stopped.
const BOUND: &str = "240";

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
        "watch" | "connect" | "top" => End::StoppedAside,
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
    let verbs = "audit top ping watch history protect run kill guard plan path explain test lab listen connect completions man";
    let mut texts: Vec<String> = documents().into_iter().map(|(_, text)| text).collect();
    texts.push(run(&["--help"]).stdout);
    for verb in verbs.split(' ') {
        texts.push(run(&[verb, "--help"]).stdout);
    }
    for verb in ["run", "list", "matrix"] {
        texts.push(run(&["lab", verb, "--help"]).stdout);
    }
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
    if !rustix::process::geteuid().is_root() {
        return skip("the stage takes root: its own mounts, processes and network");
    }
    for program in ["redis-server", "script", "jq"] {
        if Command::new(program).arg("--version").output().is_err() {
            return skip(&format!("{program} is not installed"));
        }
    }
    if fs::read_dir("/usr/lib/postgresql").is_err() {
        return skip("postgres is not installed");
    }
    let commands: Vec<Printed> = all().into_iter().filter(|one| !elsewhere(one)).collect();
    assert!(commands.len() > 70, "only {} commands", commands.len());
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let lines = |how: &str, ends: fn(&End) -> bool| -> String {
        let numbered = commands.iter().enumerate();
        let meant = numbered.filter(|(_, command)| ends(&end(command)));
        meant
            .map(|(number, command)| line(how, number, command))
            .collect()
    };
    // What takes long begins first.
    let script = [
        include_str!("stage.sh").to_owned(),
        lines("later", |end| matches!(end, End::InTheBackground)),
        lines("until_stopped", |end| matches!(end, End::Stopped)),
        "serve\n".to_owned(),
        lines("aside", |end| matches!(end, End::StoppedAside)),
        lines("once", |end| matches!(end, End::ByItself)),
        "wait \"${tests[@]}\"\nexit 0\n".to_owned(),
    ]
    .concat();
    let path = folder.path().join("stage.sh");
    fs::write(&path, script).unwrap();
    let ran = Command::new("timeout")
        .args([
            "-k", "5", BOUND, "unshare", "--mount", "--pid", "--net", "--ipc", "--fork",
        ])
        .args(["--mount-proc", "--kill-child", "bash"])
        .arg(&path)
        .current_dir(folder.path())
        .env("DEADPEER", env!("CARGO_BIN_EXE_deadpeer"))
        .env(
            "REPOSITORY",
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../..")
                .canonicalize()
                .unwrap(),
        )
        .env_remove("XDG_STATE_HOME")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    let codes: BTreeMap<usize, i32> = told.lines().filter_map(told_code).collect();
    let mut wrong = BTreeSet::new();
    for (number, command) in commands.iter().enumerate() {
        let code = codes.get(&number).copied();
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
            let said = fs::read(folder.path().join(format!("{number}.said")));
            let said = said.unwrap_or_default();
            wrong.insert(format!(
                "{}: {code:?}: {}",
                command.typed,
                String::from_utf8_lossy(&said)
            ));
        }
    }
    let wrong = Vec::from_iter(wrong).join("\n");
    let stage = String::from_utf8_lossy(&ran.stderr);
    assert!(wrong.is_empty(), "{wrong}\n{stage}");
}

fn line(how: &str, number: usize, command: &Printed) -> String {
    let quoted = shlex::try_quote(&command.typed).unwrap();
    format!("{how} {number} {quoted}\n")
}

fn told_code(line: &str) -> Option<(usize, i32)> {
    let (number, code) = line.split_once(' ')?;
    Some((number.parse().ok()?, code.parse().ok()?))
}
