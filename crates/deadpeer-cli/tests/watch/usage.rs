//! How a watch begins, ends, counts and is piped.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use deadpeer_lab::testing::inside;
use deadpeer_lab::{Host, Lab};
use rustix::process::{Pid, Signal, kill_process};

use crate::observer::{Ends, Observer};
use crate::scenes;

/// A host by itself, on which we listen.
fn alone(test: impl FnOnce(&Host, &TcpListener)) {
    let lab = Lab::with_hosts(["alone"]).start().unwrap();
    let [host] = lab.hosts() else {
        panic!("one host was planned")
    };
    let listen = || TcpListener::bind((host.v4(), 7000)).unwrap();
    let listener = host.enter(listen).unwrap();
    test(host, &listener);
}

/// A connection of the host with itself that its listening end closes first. Says the port of the
/// other.
fn comes_and_goes(host: &Host, listener: &TcpListener) -> u16 {
    host.enter(|| {
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = here.local_addr().unwrap().port();
        drop(listener.accept().unwrap());
        assert_eq!(here.read(&mut [0]).unwrap(), 0);
        port
    })
    .unwrap()
}

fn watch(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
    command.arg("watch").args(args).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn ordinary_closes_are_counted_and_not_told() {
    inside(|| {
        alone(|host, listener| {
            for means in [&[][..], &["--no-bpf"]] {
                let mut silent = Observer::start(host, means);
                let mut chosen =
                    Observer::start(host, &[means, &["--cause", "closed-here"]].concat());
                let other = Observer::start(host, &[means, &["--cause", "reset"]].concat());
                let mut all = Observer::start(host, &[means, &["--all-ends"]].concat());
                let port = comes_and_goes(host, listener);
                let death = all.death("the end that followed", Ends::Ours(port), || {});
                assert_eq!(death["cause"], "peer-closed", "{death:#}");
                assert_eq!(death["direction"], "outgoing", "{death:#}");
                let death = all.death("the end that led", Ends::Ours(7000), || {});
                assert_eq!(death["cause"], "closed-here", "{death:#}");
                assert_eq!(death["direction"], "accepted", "{death:#}");
                chosen.death("the end that led", Ends::Ours(7000), || {});
                silent.look();
                assert_eq!(silent.deaths.len(), 0, "{:#?}", silent.deaths);
                for (observer, told) in [(silent, 0), (chosen, 1), (other, 0), (all, 2)] {
                    let last = observer.end();
                    assert_eq!(last["deaths"], told, "{last:#}");
                    assert_eq!(last["ordinary_closes"], 2 - told, "{last:#}");
                    assert_eq!(last["other_causes"], 0, "{last:#}");
                }
            }
        });
    });
}

#[test]
fn filters_choose_and_a_count_ends_it() {
    inside(|| {
        alone(|host, listener| {
            let us = std::process::id().to_string();
            let mut chosen = host
                .spawn(&mut watch(&[
                    "--json",
                    "--all-ends",
                    "-c",
                    "1",
                    "--pid",
                    &us,
                ]))
                .unwrap();
            let mut other =
                Observer::start(host, &["--all-ends", "--process", "nobody-is-called-so"]);
            let mut lines = BufReader::new(chosen.child().stdout.take().unwrap()).lines();
            let begun = lines.next().unwrap().unwrap();
            if begun.contains("sock-diag") {
                return deadpeer_sys::testing::skip("no eBPF: short lives have no owner");
            }
            comes_and_goes(host, listener);
            let told: Vec<String> = lines.map(Result::unwrap).collect();
            assert_eq!(told.len(), 2, "a death and the counts: {told:?}");
            assert!(chosen.wait().unwrap().success());
            other.look();
            assert_eq!(other.deaths.len(), 0, "{:#?}", other.deaths);
        });
    });
}

#[test]
fn lines_and_a_summary_for_people() {
    inside(|| {
        alone(|host, listener| {
            for stats in [&[][..], &["--stats", "--every", "10ms"]] {
                let args = [stats, &["--cause", "peer-closed"]].concat();
                let mut process = host.spawn(&mut watch(&args)).unwrap();
                let mut remarks = BufReader::new(process.child().stderr.take().unwrap());
                let mut remark = String::new();
                remarks.read_line(&mut remark).unwrap();
                assert!(remark.starts_with("Watching by "), "{remark}");
                let mut lines = BufReader::new(process.child().stdout.take().unwrap()).lines();
                comes_and_goes(host, listener);
                let line = lines.next().unwrap().unwrap();
                assert!(line.contains("peer closed"), "{line}");
                kill_process(Pid::from_child(process.child()), Signal::INT).unwrap();
                let rest: Vec<String> = lines.map(Result::unwrap).collect();
                let last = rest.last().unwrap();
                assert!(last.starts_with("1 death in "), "{rest:?}");
                assert_eq!(process.wait().unwrap().code(), Some(130));
            }
        });
    });
}

#[test]
fn a_reader_that_goes_away_is_success() {
    inside(|| {
        alone(|host, _| {
            let mut process = host.spawn(&mut watch(&["--json"])).unwrap();
            let mut stdout = BufReader::new(process.child().stdout.take().unwrap());
            let mut begun = String::new();
            stdout.read_line(&mut begun).unwrap();
            // Nothing has to happen for it to be noticed.
            drop(stdout);
            assert_eq!(process.wait().unwrap().code(), Some(0));
        });
    });
}

#[test]
fn without_privilege_it_says_what_it_does_without() {
    inside(|| {
        alone(|host, listener| {
            let mut command = Command::new("setpriv");
            command.args(["--bounding-set=-all", "--inh-caps=-all"]);
            command.args(["--securebits=+noroot,+noroot_locked"]);
            command.arg(env!("CARGO_BIN_EXE_deadpeer"));
            command.args(["watch", "--json", "--cause", "peer-closed", "-c", "1"]);
            command.stdin(Stdio::null()).stdout(Stdio::piped());
            let mut process = host.spawn(&mut command).unwrap();
            let mut lines = BufReader::new(process.child().stdout.take().unwrap()).lines();
            let Some(begun) = lines.next() else {
                return deadpeer_sys::testing::skip("setpriv can't drop capabilities here");
            };
            let begun: serde_json::Value = serde_json::from_str(&begun.unwrap()).unwrap();
            assert_eq!(begun["means"], "sock-diag", "{begun:#}");
            let why = begun["without_bpf"].as_str().unwrap();
            assert!(why.contains("CAP_BPF"), "{why}");
            comes_and_goes(host, listener);
            let death: serde_json::Value =
                serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(death["cause"], "peer-closed", "{death:#}");
        });
    });
}

/// The peer lives, and can't be heard.
#[test]
fn what_went_of_our_own_network_is_told_with_who_dies_of_it() {
    inside(|| {
        let each = "for link in $(ip -br link | cut -d ' ' -f 1); do";
        let cases = [
            (
                format!("{each} ip link set ${{link%@*}} down; done"),
                "link ",
            ),
            (
                format!("{each} ip -4 addr flush dev ${{link%@*}} scope global; done"),
                "an address was removed",
            ),
            (
                "ip -4 route del default".to_owned(),
                "the default route was removed",
            ),
        ];
        std::thread::scope(|scope| {
            for (command, what) in &cases {
                scope.spawn(move || dies_of(command, what));
            }
        });
    });
}

fn dies_of(command: &str, what: &str) {
    let lab = Lab::with_hosts(["ours", "theirs"]).start().unwrap();
    let [ours, theirs] = lab.hosts() else {
        panic!("two hosts were planned")
    };
    let listen = || TcpListener::bind((theirs.v4(), 7000)).unwrap();
    let listener = theirs.enter(listen).unwrap();
    let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let here = ours.enter(connect).unwrap();
    let _there = listener.accept().unwrap();
    // The bound: without the death it ends all the same.
    let args = ["--json", "-c", "1", "--for", "40s"];
    let mut process = ours.spawn(&mut watch(&args)).unwrap();
    let mut lines = BufReader::new(process.child().stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"watch\""));
    scenes::keepalive(&here, 2);
    let mut shell = Command::new("sh");
    let mut shell = ours.spawn(shell.args(["-c", command])).unwrap();
    assert!(shell.wait().unwrap().success());
    let told: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    let [before @ .., death, _] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(death["cause"], "keepalive-unanswered", "{told:?}");
    let is_it = |line: &&serde_json::Value| {
        let text = line["text"].as_str().unwrap_or_default();
        line["code"] == "local-network" && text.contains(&format!("On this side, {what}"))
    };
    assert!(before.iter().any(|line| is_it(&line)), "{told:?}");
}
