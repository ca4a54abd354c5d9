//! Killed at moments spread over a whole run: whatever was going on then, connections work on, and
//! what is left can be listed and taken back.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_sys::testing::in_private_netns;

use crate::common::of_type;
use crate::common::room::Room;
use crate::killed::kills;
use crate::sockets::{Undo, has_bpf, options, ways};

/// How many, each way.
const MOMENTS: u32 = 30;
const PAIRS: usize = 30;

/// Runs a command to its end and returns how long that took.
fn whole(mut command: Command) -> Duration {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    start.elapsed()
}

/// Runs a command and kills it after this time, if it has not ended.
fn killed_after(time: Duration, mut command: Command) {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = quiet.stderr(Stdio::null()).spawn().unwrap();
    // Which moment it is does not matter: each is as good as any other.
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Connections of one listener, unprotected.
struct LoopbackBurst {
    listener: TcpListener,
    pairs: Vec<(TcpStream, TcpStream)>,
}

impl LoopbackBurst {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pair = |_| {
            let client = TcpStream::connect(address).unwrap();
            (client, listener.accept().unwrap().0)
        };
        let pairs = (0..PAIRS).map(pair).collect();
        Self { listener, pairs }
    }

    fn port(&self) -> String {
        self.listener.local_addr().unwrap().port().to_string()
    }

    fn assert_works(&mut self) {
        for (here, there) in &mut self.pairs {
            here.write_all(b"x").unwrap();
            there.read_exact(&mut [0]).unwrap();
        }
    }

    fn protected(&self) -> usize {
        let ends = self.pairs.iter().flat_map(|(here, there)| [here, there]);
        ends.filter(|end| options(end).keepalive).count()
    }

    fn assert_as_before(&self) {
        assert_eq!(self.protected(), 0);
        assert!(!options(&self.listener).keepalive);
    }
}

fn args<'a>(port: &'a str, way: &[&'a str]) -> Vec<&'a str> {
    [&["--within", "30s", "--yes", "--port", port], way].concat()
}

#[test]
fn a_killed_protect_can_be_undone() {
    in_private_netns(|| {
        for way in ways() {
            let mut burst = LoopbackBurst::new();
            let port = burst.port();
            let undo = Undo::new();
            let takes = whole(undo.command(&args(&port, way)));
            assert_eq!(burst.protected(), 2 * PAIRS);
            undo.undo_all(way);
            for moment in 0..MOMENTS {
                let undo = Undo::new();
                killed_after(takes * moment / MOMENTS, undo.command(&args(&port, way)));
                burst.assert_works();
                undo.undo_all(way);
                burst.assert_as_before();
            }
        }
    });
}

#[test]
fn a_killed_undo_can_be_undone_again() {
    in_private_netns(|| {
        for way in ways() {
            let mut burst = LoopbackBurst::new();
            let port = burst.port();
            let mut takes = Duration::ZERO;
            for moment in 0..=MOMENTS / 2 {
                let undo = Undo::new();
                whole(undo.command(&args(&port, way)));
                let [file] = &undo.files()[..] else {
                    panic!("one undo file: {:?}", undo.files());
                };
                let undoing = [&["--undo", file.to_str().unwrap(), "--yes"], way].concat();
                match moment {
                    0 => takes = whole(undo.command(&undoing)),
                    n => killed_after(takes * n / (MOMENTS / 2), undo.command(&undoing)),
                }
                burst.assert_works();
                undo.undo_all(way);
                burst.assert_as_before();
            }
        }
    });
}

#[test]
fn what_a_killed_maker_or_remover_of_a_rule_leaves_is_listed_and_removed() {
    in_private_netns(|| {
        if !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("moments") else {
            return;
        };
        let cgroup = room.cgroup.display().to_string();
        let command = env!("CARGO_BIN_EXE_deadpeer");
        let making =
            format!("{command} protect --new-connections --cgroup {cgroup} --within 30s --yes");
        let removing = format!("{command} protect --remove all");
        let mut takes = |line: &str| {
            let start = Instant::now();
            room.run(line);
            start.elapsed()
        };
        let (makes, removes) = (takes(&making), takes(&removing));
        let moments = kills(MOMENTS);
        for moment in 1..=moments {
            for (takes, line) in [(makes, &making), (removes, &removing)] {
                let seconds = (takes * moment / moments).as_secs_f64();
                room.run(&format!("timeout -s KILL {seconds} {line}"));
                // Nothing, a whole rule, or a rest of one: in no case more.
                let standing = of_type(&room.deadpeer("--list --json"), "standing_protection");
                assert!(standing.len() <= 1, "{standing:?}");
            }
            room.deadpeer("--remove all --json");
            assert_eq!(room.run("ls /sys/fs/bpf | grep deadpeer"), [""; 0]);
        }
        assert!(of_type(&room.deadpeer("--list --json"), "standing_protection").is_empty());
    });
}
