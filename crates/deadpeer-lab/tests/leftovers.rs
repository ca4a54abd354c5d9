//! Nothing is left behind, however it ends.

#![allow(
    clippy::print_stdout,
    reason = "the victim tells the test about itself"
)]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, Stdio};

use deadpeer_lab::{Lab, enclosure};
use deadpeer_sys::testing::skip;
use rustix::process::{Pid, Signal, kill_process};

use common::{Copy, as_nobody, connected, eventually};

/// Set for the process that is going to be killed.
const VICTIM: &str = "DEADPEER_LAB_TEST_VICTIM";

#[test]
fn sigkill_outside_leaves_nothing() {
    on_each_victim("sigkill_outside_leaves_nothing", |victim| {
        victim.process.kill().unwrap();
        victim.process.wait().unwrap();
    });
}

#[test]
fn sigkill_of_the_first_process_inside_leaves_nothing() {
    on_each_victim(
        "sigkill_of_the_first_process_inside_leaves_nothing",
        |victim| {
            kill_process(victim.first_inside(), Signal::KILL).unwrap();
            assert!(!victim.process.wait().unwrap().success());
        },
    );
}

#[test]
fn sigkill_of_the_program_inside_leaves_nothing() {
    on_each_victim("sigkill_of_the_program_inside_leaves_nothing", |victim| {
        let first = victim.first_inside().as_raw_pid().cast_unsigned();
        let program = children(first)[0].cast_signed();
        kill_process(Pid::from_raw(program).unwrap(), Signal::KILL).unwrap();
        assert!(!victim.process.wait().unwrap().success());
    });
}

/// Starts processes that run the same test as victims: as the caller and, if that is root, as
/// nobody. Kills each its way and waits until nothing is left in the namespaces that it made.
fn on_each_victim(test: &str, kill: impl Fn(&mut Victim)) {
    if std::env::var_os(VICTIM).is_some() {
        return be_the_victim(test);
    }
    let copy = rustix::process::geteuid()
        .is_root()
        .then(Copy::of_this_binary);
    let mut commands = vec![Command::new("/proc/self/exe")];
    commands.extend(copy.iter().map(|copy| as_nobody(&copy.binary)));
    for mut command in commands {
        command
            .args(["--exact", test, "--nocapture"])
            .env(VICTIM, "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let Some(mut victim) = Victim::start(command) else {
            return;
        };
        kill(&mut victim);
        eventually("no process is left in its namespaces", || {
            victim.processes().is_empty()
        });
    }
}

/// Builds a lab with programs, connections and threads in it, says where it is, and waits to be
/// killed.
fn be_the_victim(test: &str) {
    if enclosure::current().is_none() {
        match enclosure::run(["--exact", test, "--nocapture"]) {
            Ok(status) => assert!(status.success(), "{status}"),
            Err(error) => println!("refused {error}"),
        }
        return;
    }
    let lab = Lab::with_hosts(["left", "right"]).start().unwrap();
    let [left, right] = lab.hosts() else {
        panic!("two hosts were planned")
    };
    let _connection = connected(left, right, right.v6().into());
    // A child that has a child, and a thread that would stay for ever.
    let mut script = Command::new("sh");
    script.args(["-c", "sleep 1000 & exec sleep 1000"]);
    let _program = right.spawn(&mut script).unwrap();
    for namespace in [left.as_fd(), right.as_fd(), lab.wire().as_fd()] {
        let inode = deadpeer_sys::netns::inode(namespace).unwrap();
        println!("namespace {inode}");
    }
    println!("ready");
    let forever = || loop {
        std::thread::park();
    };
    left.enter(forever).unwrap();
}

struct Victim {
    process: Child,
    /// Kept open: it still has something to say.
    _output: BufReader<ChildStdout>,
    namespaces: BTreeSet<u64>,
}

impl Victim {
    /// Starts it and waits until its lab is built; `None` where none can be.
    fn start(mut command: Command) -> Option<Self> {
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut namespaces = BTreeSet::new();
        for line in output.by_ref().lines().map_while(Result::ok) {
            if let Some(why) = line.split("refused ").nth(1) {
                skip(why);
                process.wait().unwrap();
                return None;
            }
            if let Some(inode) = line.split("namespace ").nth(1) {
                namespaces.insert(inode.parse().unwrap());
            }
            if line.ends_with("ready") {
                break;
            }
        }
        assert_eq!(namespaces.len(), 3, "the victim has built its lab");
        let victim = Self {
            process,
            _output: output,
            namespaces,
        };
        // The wire's thread, the thread in the host, and both programs.
        eventually("threads and programs are in the namespaces", || {
            victim.processes().len() >= 3
        });
        Some(victim)
    }

    /// The processes that have a thread in one of the namespaces.
    fn processes(&self) -> BTreeSet<i32> {
        let processes = std::fs::read_dir("/proc").unwrap();
        let pid = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.parse().ok()
        };
        processes
            .filter_map(pid)
            .filter(|pid| threads(*pid).any(|inode| self.namespaces.contains(&inode)))
            .collect()
    }

    /// The first process inside: the child of the only child of the process that was started.
    fn first_inside(&self) -> Pid {
        let between = children(self.process.id())[0];
        Pid::from_raw(children(between)[0].cast_signed()).unwrap()
    }
}

/// The network namespaces of the threads of a process.
fn threads(pid: i32) -> impl Iterator<Item = u64> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    tasks.into_iter().flatten().filter_map(|task| {
        let link = std::fs::read_link(task.ok()?.path().join("ns/net")).ok()?;
        let inode = link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?;
        inode.parse().ok()
    })
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|line| {
            line.split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}
