//! Signals reach the program, and a stopped program is a stopped job.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_sys::signals::real_time;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// A shell script under `deadpeer run`, once it has printed its own number.
///
/// What these tests were started with may ignore signals, as nohup(1) and a job in the background
/// do; a shell can't trap those again.
fn start(script: &str) -> (Child, Pid) {
    let mut command = Command::new("env");
    command.args(["--default-signal", env!("CARGO_BIN_EXE_deadpeer")]);
    command.args(["run", "--within", "30s", "--quiet", "--", "sh", "-c"]);
    command.arg(format!("{script}; :"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let program = Pid::from_raw(line.trim().parse().expect("a number")).unwrap();
    (child, program)
}

#[test]
fn signals_sent_to_it_alone_reach_the_program() {
    for (signal, name) in [
        (Signal::INT, "INT"),
        (Signal::TERM, "TERM"),
        (Signal::HUP, "HUP"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::WINCH, "WINCH"),
    ] {
        let script = format!("trap 'exit 42' {name}; echo $$; while :; do sleep 0.05; done");
        let (mut child, _) = start(&script);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(42), "SIG{name}");
    }
}

/// Whatever would end it while its program goes on, and so leave that without protection.
#[test]
fn no_signal_ends_it_before_its_program() {
    let named = [
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::IO,
        Signal::POWER,
        Signal::XCPU,
        Signal::XFSZ,
        Signal::ILL,
        Signal::TRAP,
        Signal::FPE,
        Signal::SYS,
        Signal::BUS,
        Signal::SEGV,
    ];
    let real_time: Vec<Signal> = real_time().collect();
    for signal in named.into_iter().chain([real_time[3], real_time[29]]) {
        let number = signal.as_raw();
        let script = format!("trap 'exit 42' {number}; echo $$; while :; do sleep 0.05; done");
        let (mut child, _) = start(&script);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(42), "{number}");
    }
}

#[test]
fn a_signal_that_ends_the_program_is_its_exit_code() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::HUP, 1), (Signal::USR1, 10)] {
        let (mut child, _) = start("echo $$; exec sleep 1000");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(128 + number));
    }
}

#[test]
fn a_stopped_program_stops_the_job_and_both_go_on() {
    let (mut child, program) = start("trap 'exit 42' TERM; echo $$; while :; do sleep 0.05; done");
    let ours = Pid::from_child(&child);
    kill_process(program, Signal::STOP).unwrap();
    let (_, status) = waitpid(Some(ours), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    kill_process(ours, Signal::CONT).unwrap();
    eventually("the program goes on", || state_of(program) != Some('T'));
    kill_process(ours, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(42));
}

#[test]
fn a_program_outlives_a_killed_run() {
    let (mut child, program) = start("echo $$; exec sleep 1000");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(state_of(program), Some('S' | 'R' | 'D')));
    kill_process(program, Signal::KILL).unwrap();
    eventually("it is gone", || {
        matches!(state_of(program), None | Some('Z'))
    });
}

/// The letter that `/proc/PID/stat` has behind the name.
fn state_of(pid: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
