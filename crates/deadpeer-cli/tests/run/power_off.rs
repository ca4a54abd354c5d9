//! Programs that set nothing notice a peer without power within the deadline: static, dynamic, in
//! an event loop, interpreted.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_lab::testing::{inside, power_off};
use deadpeer_lab::{Host, Lab, Process};
use deadpeer_sys::testing::skip;

/// The plan for it notices an idle peer within half of it, so that there is slack for a slow
/// machine.
const DEADLINE: Duration = Duration::from_secs(30);

const PYTHON: &str = "
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while not s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE): time.sleep(0.01)
print('ready', flush=True)
try: s.recv(1)
except TimeoutError: sys.exit(0)
sys.exit(1)
";

#[test]
fn every_kind_of_program_notices_in_time() {
    inside(|| {
        let room = tempfile::tempdir().unwrap();
        let lab = Lab::with_hosts(["ours", "theirs"]).start().unwrap();
        let [ours, theirs] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        let listener = theirs
            .enter(|| TcpListener::bind((theirs.v4(), 0)).unwrap())
            .unwrap();
        let address = theirs.v4().to_string();
        let port = listener.local_addr().unwrap().port().to_string();
        let to = [address.as_str(), port.as_str()];
        let mut programs = Vec::new();
        for way in [&[][..], &["--no-bpf"]] {
            for (name, program) in programs_of(room.path()) {
                let arguments = [&["run", "--within", "30s"], way, &["--"]].concat();
                let mut command = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
                command.args(arguments).args(program(&to));
                programs.push((format!("{name} {way:?}"), ready(ours, &mut command)));
            }
        }
        let _accepted: Vec<_> = programs
            .iter()
            .map(|_| listener.accept().unwrap())
            .collect();
        power_off(&lab, theirs).unwrap();
        let off = Instant::now();
        for (name, mut program) in programs {
            let status = program.wait().unwrap();
            assert!(status.success(), "{name}: {status}");
            assert!(off.elapsed() < DEADLINE, "{name}: {:?}", off.elapsed());
        }
    });
}

#[test]
fn connecting_ends_in_time_too() {
    inside(|| {
        let room = tempfile::tempdir().unwrap();
        let lab = Lab::with_hosts(["ours", "theirs"]).start().unwrap();
        let [ours, theirs] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        power_off(&lab, theirs).unwrap();
        let Some(client) = compiled(room.path(), "static") else {
            return;
        };
        for way in [&[][..], &["--no-bpf"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
            command.args(["run", "--within", "30s"]).args(way).arg("--");
            command
                .arg(&client)
                .args([theirs.v4().to_string(), "80".into()]);
            let start = Instant::now();
            let status = ours.spawn(&mut command).unwrap().wait().unwrap();
            assert!(status.success(), "{way:?}: {status}");
            assert!(start.elapsed() < DEADLINE, "{way:?}: {:?}", start.elapsed());
        }
    });
}

/// The words of a command line, given the peer's address and port.
type Words = Box<dyn Fn(&[&str]) -> Vec<String>>;

fn programs_of(room: &Path) -> Vec<(&'static str, Words)> {
    let words = |before: Vec<String>, after: &'static [&'static str]| -> Words {
        Box::new(move |to| {
            let ends = to.iter().chain(after).map(|word| (*word).to_owned());
            before.iter().cloned().chain(ends).collect()
        })
    };
    let python = ["python3", "-c", PYTHON].map(str::to_owned).to_vec();
    let mut programs = vec![("python", words(python, &[]))];
    for (name, kind, after) in [
        ("static", "static", &[][..]),
        ("event loop", "static", &["epoll"]),
        ("dynamic", "dynamic", &[]),
    ] {
        if let Some(client) = compiled(room, kind) {
            let client = vec![client.to_str().unwrap().to_owned()];
            programs.push((name, words(client, after)));
        }
    }
    programs
}

/// The client in C, statically or dynamically linked; skips where there is no compiler.
fn compiled(room: &Path, kind: &str) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/client.c");
    let program = room.join(format!("{kind}-client"));
    if program.exists() {
        return Some(program);
    }
    let mut cc = Command::new("cc");
    cc.arg("-O").args((kind == "static").then_some("-static"));
    let done = cc.arg("-o").arg(&program).arg(source).status();
    match done.is_ok_and(|status| status.success()) && fs::metadata(&program).is_ok() {
        true => Some(program),
        false => {
            skip(&format!("no C compiler for a {kind} program"));
            None
        }
    }
}

/// Starts a program and waits until it is connected and protected.
fn ready(host: &Host, command: &mut Command) -> Process {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = host.spawn(command).unwrap();
    let mut line = String::new();
    BufReader::new(process.child().stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n", "{command:?}");
    process
}
