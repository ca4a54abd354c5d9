//! What becomes of signals to a process. It belongs to all threads, so this is a program of its
//! own, and one that runs itself again to be ended by a signal.

#![allow(
    clippy::print_stdout,
    reason = "what is played says on its stdout that it lives"
)]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpeer_sys::signals::{Inbox, Interruption, Second, Signal, TO_END, real_time, that_end};
use deadpeer_sys::testing::heed_signals;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, getpid, kill_process};

/// What a process that runs itself again is asked to do.
const PART: &str = "DEADPEER_SIGNALS_PART";

fn main() {
    match std::env::var(PART).ok().as_deref() {
        Some("second ends") => play(Second::Ends),
        Some("second is noted") => play(Second::IsNoted),
        Some("faults") => fault(),
        Some("stopped") => std::thread::park(),
        Some("heeds") => {
            heed_signals();
            send(Signal::HUP);
        }
        _ => {
            heed_signals();
            the_first_is_noted_and_readable();
            there_is_one_at_a_time();
            what_is_ignored_stays_ignored();
            signals_without_a_name_are_read();
            what_was_before_is_restored();
            signals_are_read_with_their_origin();
            a_program_is_born_with_none_blocked();
            tests_heed_what_whoever_started_them_ignores();
            none_that_would_end_it_ends_it();
            a_fault_of_its_own_ends_it();
            the_second_ends_the_process_or_does_not();
        }
    }
}

fn send(signal: Signal) {
    kill_process(getpid(), signal).unwrap();
}

/// Whether it can be read from within a second.
fn readable(fd: &impl std::os::fd::AsFd, within: Duration) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    let timeout = Timespec::try_from(within).unwrap();
    // The handler itself interrupts the call.
    (0..2).any(|_| poll(&mut fds, Some(&timeout)).is_ok_and(|ready| ready == 1))
}

fn the_first_is_noted_and_readable() {
    let watching = Interruption::watch(&TO_END, Second::IsNoted).unwrap();
    assert!(!watching.came() && !readable(&watching, Duration::ZERO));
    assert_eq!(watching.first(), None);
    send(Signal::TERM);
    assert!(readable(&watching, Duration::from_secs(1)));
    assert!(watching.came() && watching.flag().load(Ordering::SeqCst));
    send(Signal::INT);
    assert_eq!(watching.first(), Some(Signal::TERM));
}

fn there_is_one_at_a_time() {
    let watching = Interruption::watch(&TO_END, Second::IsNoted).unwrap();
    assert!(!watching.came(), "what the one before saw is forgotten");
    let second = Interruption::watch(&TO_END, Second::IsNoted);
    assert_eq!(second.unwrap_err().errno, Errno::BUSY);
    send(Signal::HUP);
    assert!(watching.came(), "the one before goes on");
}

/// The second one of a pair is no second asking.
fn none_that_would_end_it_ends_it() {
    let all: Vec<Signal> = that_end().collect();
    let watching = Interruption::watch(&all, Second::Ends).unwrap();
    for signal in all {
        send(signal);
    }
    assert_eq!(watching.first(), Some(TO_END[0]));
    drop(watching);
    let last = real_time().last().unwrap();
    let watching = Interruption::watch(&[last], Second::Ends).unwrap();
    send(last);
    assert_eq!(watching.first(), Some(last), "it has no name");
}

/// Of a signal that somebody sends, it is told apart.
fn a_fault_of_its_own_ends_it() {
    if cfg!(target_arch = "x86_64") {
        let status = again("faults").wait().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGILL));
    }
}

fn fault() {
    let all: Vec<Signal> = that_end().collect();
    let watching = Interruption::watch(&all, Second::IsNoted).unwrap();
    send(Signal::ILL);
    assert_eq!(watching.first(), Some(Signal::ILL));
    #[cfg(target_arch = "x86_64")]
    // SAFETY: an instruction that there isn't; it ends the process.
    unsafe {
        std::arch::asm!("ud2");
    }
}

fn what_is_ignored_stays_ignored() {
    // SAFETY: ignoring a signal installs no handler.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    let watching = Interruption::watch(&TO_END, Second::Ends).unwrap();
    send(Signal::HUP);
    assert!(!watching.came());
    drop(watching);
    send(Signal::HUP);
    // SAFETY: the default action is no handler.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
}

fn signals_without_a_name_are_read() {
    let all: Vec<Signal> = real_time().collect();
    assert!(all.len() >= 30, "{all:?}");
    let inbox = Inbox::open(&all).unwrap();
    for signal in all {
        send(signal);
        let received = inbox.next().unwrap().unwrap();
        assert_eq!((received.signal, received.by_kernel), (signal, false));
    }
}

fn what_was_before_is_restored() {
    let inbox = Inbox::open(&[Signal::USR1]).unwrap();
    drop(Interruption::watch(&[Signal::USR1], Second::Ends).unwrap());
    drop(inbox);
    let mut child = again("stopped");
    let status = ended_by(&mut child, &[Signal::TERM]);
    assert_eq!(
        status,
        Some(15),
        "a program started afterwards has the default"
    );
}

fn signals_are_read_with_their_origin() {
    let inbox = Inbox::open(&[Signal::USR1, Signal::CHILD]).unwrap();
    assert_eq!(inbox.next().unwrap(), None);
    send(Signal::USR1);
    assert!(readable(&inbox, Duration::from_secs(1)));
    let received = inbox.next().unwrap().unwrap();
    assert_eq!((received.signal, received.by_kernel), (Signal::USR1, false));
    Command::new("true").status().unwrap();
    assert_eq!(inbox.next().unwrap().unwrap().signal, Signal::CHILD);
    assert_eq!(inbox.next().unwrap(), None);
}

fn a_program_is_born_with_none_blocked() {
    let _inbox = Inbox::open(&TO_END).unwrap();
    let blocked = |spawn: &dyn Fn(&mut Command) -> Child| {
        let mut command = Command::new("grep");
        command.args(["SigBlk", "/proc/self/status"]);
        let child = spawn(command.stdout(Stdio::piped()));
        let said = child.wait_with_output().unwrap().stdout;
        String::from_utf8(said)
            .unwrap()
            .ends_with("0000000000000000\n")
    };
    assert!(blocked(&|command| {
        deadpeer_sys::start::spawn(command, None).unwrap()
    }));
    assert!(!blocked(&|command| command.spawn().unwrap()), "it bites");
}

fn tests_heed_what_whoever_started_them_ignores() {
    let mut ignoring = Command::new("env");
    ignoring.arg("--ignore-signal=HUP");
    ignoring.arg(std::env::current_exe().unwrap());
    let status = ignoring.env(PART, "heeds").status().unwrap();
    assert_eq!(status.signal(), Some(1));
}

fn the_second_ends_the_process_or_does_not() {
    let mut child = again("second ends");
    assert_eq!(ended_by(&mut child, &[Signal::TERM, Signal::INT]), Some(2));
    let mut child = again("second is noted");
    let status = ended_by(&mut child, &[Signal::TERM, Signal::INT, Signal::KILL]);
    assert_eq!(status, Some(9));
}

/// Says that it is there, and after a signal that it lives on.
#[expect(
    clippy::print_stdout,
    reason = "the process that started this one waits for it"
)]
fn play(second: Second) {
    let watching = Interruption::watch(&TO_END, second).unwrap();
    println!("ready");
    assert!(readable(&watching, Duration::from_secs(20)));
    println!("alive");
    for _ in 0..2_000 {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn again(part: &str) -> Child {
    Command::new("/proc/self/exe")
        .env(PART, part)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends the signals, the second after the first was noted, and returns which one ended it.
fn ended_by(child: &mut Child, signals: &[Signal]) -> Option<i32> {
    let pid = Pid::from_child(child);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for signal in signals {
        if signals.len() > 1 && *signal != Signal::KILL {
            lines.next().unwrap().unwrap();
        }
        if *signal == Signal::INT {
            // Sooner it would be taken for a part of the first.
            std::thread::sleep(Duration::from_millis(1_100));
        }
        kill_process(pid, *signal).unwrap();
    }
    child.wait().unwrap().signal()
}
