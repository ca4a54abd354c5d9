//! `deadpeer lab` from outside: the list, scenarios of one's own, JSON lines, exit codes.

mod common;

use serde_json::Value;

use common::run;

/// Writes a scenario file that is removed when dropped.
fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn every_scenario_is_listed_with_its_sentence() {
    let list = run(&["lab", "list"]);
    assert_eq!((list.code, list.stderr.as_str()), (0, ""));
    for name in [
        "power-off",
        "silent-drop-ours",
        "fin-wait-2",
        "loss-40",
        "frozen",
    ] {
        assert!(
            list.stdout.lines().any(|line| line.starts_with(name)),
            "{name}"
        );
    }
    assert!(list.stdout.lines().count() > 30);
}

#[test]
fn what_is_no_scenario_is_refused_in_a_sentence() {
    let unknown = run(&["lab", "run", "bad-weather"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.stderr.contains("no scenario is called bad-weather"),
        "{}",
        unknown.stderr
    );

    let typo = file("title = 't'\nsentence = 's'\npeer = 'gone'\nsteps = [{ do = 'cutt' }]\n");
    let refused = run(&["lab", "run", typo.path().to_str().unwrap()]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("cutt"), "{}", refused.stderr);
}

#[test]
fn what_cannot_be_measured_or_written_is_said_at_once_and_once() {
    let cases = [
        ("run power-off --within 2s", "need at least 4 s"),
        ("matrix --html /nowhere/page.html", "no directory /nowhere"),
        ("matrix --pcap /proc/nowhere", "cannot make /proc/nowhere"),
    ];
    for (args, why) in cases {
        let args: Vec<&str> = ["lab"].into_iter().chain(args.split(' ')).collect();
        let refused = run(&args);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    }
}

#[test]
fn a_scenario_of_ones_own_runs_and_speaks_json() {
    let mine = file(
        "title = 'mine'\nsentence = 'Everything is dropped.'\npeer = 'gone'\nsilent = true\n\
         steps = [{ do = 'cut', packets = 'both' }]\n",
    );
    let path = mine.path().to_str().unwrap();
    let ran = run(&[
        "lab", "run", path, "--within", "4s", "--state", "idle", "--json",
    ]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let said: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        said[0].contains("supervised: supervision cannot notice"),
        "{said:?}"
    );
    assert!(
        said[1].ends_with("1/1  mine") && said.len() == 2,
        "{said:?}"
    );
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((of("experiment"), of("cell")), (1, of("tally")));
    let keepalive = lines
        .iter()
        .find(|line| line["type"] == "cell" && line["method"] == "keepalive");
    let keepalive = keepalive.unwrap();
    assert_eq!(keepalive["forecast_holds"], true);
    assert_eq!(keepalive["carried"], false);
}

#[test]
fn a_fault_that_does_nothing_is_no_experiment() {
    let idle = file(
        "title = 'idle'\nsentence = 'Nothing happens at all.'\npeer = 'gone'\nstates = ['idle']\n\
         steps = [{ do = 'mend' }]\n",
    );
    let path = idle.path().to_str().unwrap();
    let ran = run(&["lab", "run", path, "--within", "4s", "--width", "60"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("inert in state idle"), "{}", ran.stdout);
    // The tables of twelve methods fit.
    let wide = |line: &&str| line.chars().count() > 60;
    assert_eq!(ran.stdout.lines().find(wide), None, "{}", ran.stdout);
    assert!(ran.stdout.contains("user-timeout: "), "{}", ran.stdout);
}

/// Interrupted as a terminal does it, to the whole group: it says so, and leaves no process behind.
#[test]
fn an_interruption_ends_it_in_order() {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, Signal, kill_process_group};

    let mut command = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
    command.args([
        "lab",
        "run",
        "silent-drop",
        "--within",
        "2m",
        "--state",
        "idle",
    ]);
    command.process_group(0);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let group = child.id();
    let began = Instant::now();
    // The peer's program runs: the experiment has begun.
    while !members(group)
        .iter()
        .any(|arguments| arguments.contains("lab peer"))
    {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("no private namespaces"), "{said}");
            return deadpeer_sys::testing::skip(&said);
        }
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.contains("interrupted: 0 of 1 scenarios were measured"),
        "{said}"
    );
    let began = Instant::now();
    while !members(group).is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            members(group)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The command lines of the processes of a group.
fn members(group: u32) -> Vec<String> {
    let of = |process: std::io::Result<std::fs::DirEntry>| {
        let path = process.ok()?.path();
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        // After the name, which may contain anything: state, parent, group.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let state = fields.next()?;
        let its = fields.nth(1)?.parse::<u32>().ok()?;
        (its == group && state != "Z").then(|| {
            let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        })
    };
    std::fs::read_dir("/proc").unwrap().filter_map(of).collect()
}
