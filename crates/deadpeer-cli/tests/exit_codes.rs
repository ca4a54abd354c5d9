//! The exit codes of every verb: in its help, and as they come. Which verbs there are, the command
//! itself says, so that none is forgotten.

mod common;

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use deadpeer::SocketOptions;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::process::{Pid, Signal, kill_process};

use common::guarding::Guarding;
use common::population::pair;
use common::{deadpeer, ran, run, verbs};

/// The codes in the table of a help text.
fn table(help: &str) -> Vec<&str> {
    let rows = help
        .lines()
        .skip_while(|line| *line != "Exit codes:")
        .skip(1);
    let rows = rows.filter_map(|line| line.strip_prefix("  "));
    let codes = rows.filter_map(|row| row.split("  ").next());
    codes
        .filter(|code| code.starts_with(|c: char| c.is_ascii_digit()))
        .collect()
}

#[test]
fn every_verb_has_the_whole_table_in_its_help() {
    let help = run(&["--help"]).stdout;
    let all = verbs(&help);
    assert!(all.len() > 10 && all.contains(&"audit"), "{all:?}");
    for verb in all {
        let help = run(&[verb, "--help"]).stdout;
        let codes = table(&help);
        match verb {
            // It ends as the program does that it runs.
            "run" => assert_eq!(codes, ["3", "125", "126", "127"], "{help}"),
            _ => {
                assert!(codes.starts_with(&["0"]), "{verb}: {help}");
                // What ends a service is no interruption of a guard.
                let signals: &[&str] = match verb {
                    "guard" => &["130"],
                    _ => &["130", "143"],
                };
                assert!(codes.ends_with(signals), "{verb}: {help}");
                assert!(codes.contains(&"2"), "{verb}: {help}");
            }
        }
        // What comes is in the table, for all but the program that `run` runs.
        for (line, code) in CASES
            .iter()
            .filter(|(line, _)| line.split(' ').next() == Some(verb))
        {
            let is_told = codes.contains(&code.to_string().as_str());
            assert!(is_told || verb == "run", "{line}: {code} is not in {help}");
        }
        for part in verbs(&help) {
            let help = run(&[verb, part, "--help"]).stdout;
            let own = table(&help);
            assert!(own.starts_with(&["0"]), "{verb} {part}: {help}");
            assert!(
                own.iter().all(|code| codes.contains(code)),
                "{verb} {part}: {help}"
            );
        }
    }
}

/// What is asked of a machine with one connection that nobody watches over, on the port `PORT`; and
/// the code. A verb has a line for every code that it can be brought to here.
const CASES: &[(&str, i32)] = &[
    ("audit", 0),
    (
        "audit --within 1h --port PORT --state listen --netns nosuch",
        2,
    ),
    ("audit --within 5s --port PORT", 1),
    ("audit --within 5s --port 1", 3),
    ("audit --port 1", 3),
    ("audit --process nosuch", 3),
    ("audit --pid 2147483647", 2),
    ("audit --cgroup nosuch", 2),
    ("audit --container nosuch", 2),
    ("audit --user nosuch", 2),
    ("audit --state nosuch", 2),
    ("plan --within 30s", 0),
    ("plan --within 1ms", 1),
    ("plan --within 30s --for nosuch", 2),
    ("explain /no/such/file", 2),
    ("test --within 5s --port 80 -- /no/such/server", 2),
    ("lab list", 0),
    ("lab run nosuch", 2),
    ("listen nonsense", 2),
    ("connect nonsense", 2),
    ("watch --for 10ms --port PORT", 0),
    ("watch --for 10ms --process nosuch", 0),
    ("watch --count 0", 2),
    ("watch --pid 2147483647", 2),
    ("history --file /no/such/file", 2),
    ("run --within 30s --quiet --no-bpf -- true", 0),
    ("run --within 30s --quiet --no-bpf -- false", 1),
    ("run --within 30s --quiet --no-bpf -- /no/such/program", 127),
    ("run --within 30s --quiet --no-bpf -- /etc/passwd", 126),
    ("run --within 1ms -- true", 125),
    ("run --no-such-flag", 125),
    ("ping -c 1 --port 1", 3),
    ("ping -c 1 --process nosuch", 3),
    ("ping -c 1 --pid 2147483647", 2),
    ("ping", 2),
    ("protect --within 1h --port 1 --yes", 3),
    ("protect --within 1h --process nosuch --yes", 3),
    ("protect --within 1h --pid 2147483647 --yes", 2),
    ("protect --within 1ms --port PORT --yes", 1),
    ("protect --within 1h", 2),
    ("protect --within 1h --port PORT", 2),
    ("protect --list", 0),
    ("protect --remove nosuch", 2),
    ("protect --remove all", 0),
    ("kill --unreachable --port 1 --yes", 3),
    ("kill --unreachable --process nosuch --yes", 3),
    ("kill --unreachable --pid 2147483647 --yes", 2),
    ("kill --unreachable --port PORT --yes", 0),
    ("kill --silent-for 10h --port PORT --yes", 3),
    ("kill --all", 2),
    ("guard --check --config /no/such/file", 2),
    ("completions bash", 0),
    ("completions nosuch", 2),
    ("man", 0),
    ("man nosuch", 2),
];

#[test]
fn the_codes_come_as_the_table_says() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let help = run(&["--help"]).stdout;
        for verb in verbs(&help) {
            let of_verb = |(line, _): &&(&str, i32)| line.split(' ').next() == Some(verb);
            assert!(CASES.iter().any(|case| of_verb(&case)), "no case of {verb}");
        }
        for (line, code) in CASES {
            let line = line.replace("PORT", &pair.port());
            let ran = run(&line.split(' ').collect::<Vec<_>>());
            assert_eq!(ran.code, *code, "{line}: {ran:?}");
            let is_error = *code == 2 || *code > 3;
            assert_eq!(
                ran.stderr.starts_with("deadpeer: "),
                is_error,
                "{line}: {ran:?}"
            );
        }
    });
}

/// What waits, on a machine with a connection on the port `PORT` and an address `DEAF` that answers
/// nobody. Each says something once it waits.
const WAITS: &[&str] = &[
    "watch --port PORT",
    "watch --for 1h --port PORT",
    "watch --stats --count 1 --port PORT",
    "ping --port PORT",
    "ping -c 1000 --port PORT",
    "explain --live lo --packets",
    "explain --live lo --packets --for 1h",
    "listen 127.0.0.1:8888",
    "listen 127.0.0.1:8888 --once",
    "connect DEAF",
    "connect 127.0.0.1:PORT",
];

/// What answers at once, or waits for what takes a test of its own: `test` (servers/interrupt.rs),
/// `lab` (lab.rs), `kill` (asking/kill.rs), `protect` (protect/burst.rs), `run` (run/signals.rs);
/// `guard` is below.
const NOT_HERE: &[&str] = &[
    "audit",
    "plan",
    "history",
    "completions",
    "man",
    "test",
    "lab",
    "kill",
    "protect",
    "run",
    "guard",
];

/// One rule for all: 128 and the signal's number.
#[test]
fn what_waits_ends_by_a_signal_as_a_shell_has_it() {
    let help = run(&["--help"]).stdout;
    for verb in verbs(&help) {
        let waits = WAITS
            .iter()
            .any(|line| line.split(' ').next() == Some(verb));
        assert!(waits || NOT_HERE.contains(&verb), "does {verb} wait?");
    }
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
        sockopt::mute(&deaf).unwrap();
        let deaf = deaf.local_addr().unwrap().to_string();
        for line in WAITS {
            let line = line.replace("PORT", &pair.port()).replace("DEAF", &deaf);
            for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
                assert_eq!(ended_by(signal, &line), Some(code), "{line}");
            }
        }
    });
}

/// Its ordinary end is a supervisor's SIGTERM.
#[test]
fn a_guard_ends_well_by_sigterm_and_interrupted_by_control_c() {
    in_private_netns(|| {
        for (signal, code) in [(Signal::TERM, 0), (Signal::INT, 130)] {
            let guarding = Guarding::new();
            let mut guard = guarding.command("", &["--no-history"]).spawn().unwrap();
            guarding.begun();
            kill_process(Pid::from_child(&guard), signal).unwrap();
            let ended = guard.wait().unwrap().code();
            assert_eq!(ended, Some(code), "{}", guarding.logged());
        }
    });
}

/// The code of a run that gets a signal once it has said something. Whatever comes by TCP
/// meanwhile is a connection that is made and closed in order.
fn ended_by(signal: Signal, line: &str) -> Option<i32> {
    let mut command = deadpeer(&line.split(' ').collect::<Vec<_>>());
    let (reader, writer) = std::io::pipe().unwrap();
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    // Its ends of the pipe are the child's alone.
    drop(command);
    let mut told = BufReader::new(reader);
    thread::scope(|scope| {
        let heard = scope.spawn(move || {
            told.read_line(&mut String::new()).unwrap();
            told
        });
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        while !heard.is_finished() {
            let client = TcpStream::connect(own.local_addr().unwrap()).unwrap();
            let (server, _) = own.accept().unwrap();
            drop(client);
            drop(server);
            thread::sleep(Duration::from_millis(50));
        }
        let mut told = heard.join().unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        std::io::copy(&mut told, &mut std::io::sink()).unwrap();
    });
    child.wait().unwrap().code()
}

/// A lack of descriptors is not a lack of connections.
#[test]
fn who_may_open_no_file_is_told_so() {
    if Command::new("sh").arg("-c").arg("true").output().is_err() {
        return skip("no sh");
    }
    in_private_netns(|| {
        let _pair = pair(&SocketOptions::default());
        for verb in ["audit", "kill --unreachable --all --yes", "ping -c 1 --all"] {
            let deadpeer = env!("CARGO_BIN_EXE_deadpeer");
            let line = format!("ulimit -n 5; exec {deadpeer} {verb}");
            let mut sh = Command::new("sh");
            let ran = ran(sh.arg("-c").arg(line).stdin(Stdio::null()).output());
            assert_eq!(ran.code, 2, "{verb}: {ran:?}");
            assert!(
                ran.stderr.contains("Too many open files"),
                "{verb}: {ran:?}"
            );
        }
    });
}
