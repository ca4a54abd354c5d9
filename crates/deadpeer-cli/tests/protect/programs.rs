//! Real programs that know nothing of keepalive, protected while they run: on a wire whose far end
//! loses its power.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use deadpeer_lab::testing::{inside, power_off};
use deadpeer_lab::{Host, Lab, Process};
use deadpeer_sys::testing::skip;
use serde_json::Value;

use crate::common::{self, json, of_type, run};
use crate::observer::{Ends, Observer};
use crate::sockets::Undo;

/// The deadline that the programs are brought under, and how late a busy machine may see that it
/// was kept.
const WITHIN: &str = "10s";
const DEADLINE: Duration = Duration::from_secs(10);
const LENIENCE: Duration = Duration::from_secs(20);
/// Long after it happened, on a busy machine too.
const TOLD_WITHIN: Duration = Duration::from_secs(15);
/// What a program may take to start or to answer.
const BOUND: Duration = Duration::from_secs(30);

/// A program to be protected.
struct Subject<'a> {
    name: &'a str,
    command: Command,
    port: u16,
    request: &'a [u8],
    answer: &'a [u8],
}

/// The whole story of one program: it would hang, it is protected, its client vanishes, it notices,
/// and all is as before.
fn protect(mut subject: Subject<'_>) {
    let lab = Lab::with_hosts(["server", "staying", "first", "second", "third"])
        .start()
        .unwrap();
    let [server, staying, vanishing @ ..] = lab.hosts() else {
        unreachable!()
    };
    let mut program = server.spawn(&mut subject.command).unwrap();
    let _staying_end = talk(&subject, &mut program, server, staying);
    let vanishing_ends: Vec<_> = vanishing
        .iter()
        .map(|client| talk(&subject, &mut program, server, client))
        .collect();
    let name = subject.name;
    let mut watch = Observer::start(server, &["--process", name]);
    server
        .enter(|| {
            let within = ["--within", WITHIN, "--process", name];
            let audit = |code| {
                let ran = run(&[&["audit"], &within[..]].concat());
                assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
            };
            audit(1);
            let before = settings(name);
            let undo = Undo::new();
            let summary = undo.summary(
                0,
                &[&within[..], &["--slow-readers", "drop", "--yes"]].concat(),
            );
            assert!(summary["changed"].as_u64() >= Some(3), "{summary}");
            audit(0);

            let told = vanishing.iter().zip(&vanishing_ends).any(|(client, end)| {
                let gone = end.local_addr().unwrap().to_string();
                vanishes(&lab, client, name, &gone);
                is_told(&mut watch, &gone)
            });
            assert!(told, "no death was told: {:#?}", watch.deaths);
            undo.undo(&[]);
            let after = settings(name);
            assert!(!after.is_empty());
            for (end, settings) in after {
                // What it listens on, and who stayed.
                assert_eq!(Some(&settings), before.get(&end), "{end}");
            }
            audit(1);
        })
        .unwrap();
    drop(program);
    lab.stop().unwrap();
}

/// A client loses its power, and the program notices.
fn vanishes(lab: &Lab, client: &Host, program: &str, end: &str) {
    let is_there = || connections(program).iter().any(|peer| peer == end);
    assert!(is_there(), "{:?}", connections(program));
    power_off(lab, client).unwrap();
    let vanished = Instant::now();
    while is_there() {
        assert!(
            vanished.elapsed() < DEADLINE + LENIENCE,
            "it has not noticed"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether the death of the connection from there is told, as what it was. Without eBPF nobody
/// asks.
///
/// Some hosted machines' kernels keep it from seeing some deaths (docs/operators.md).
fn is_told(watch: &mut Observer, end: &str) -> bool {
    if !watch.sees_by("bpf") {
        return true;
    }
    let end = Ends::Theirs(end.parse::<SocketAddr>().unwrap().port());
    let death = watch.death_within(TOLD_WITHIN, end, || ());
    if let Some(death) = &death {
        assert_eq!(death["cause"], "keepalive-unanswered", "{death}");
    }
    death.is_some()
}

/// Connects from a host until the program answers there.
fn talk(subject: &Subject<'_>, program: &mut Process, server: &Host, client: &Host) -> TcpStream {
    let address = (server.v4(), subject.port);
    let bound = Instant::now() + BOUND;
    loop {
        let answered = client
            .enter(|| {
                let mut stream = TcpStream::connect(address).ok()?;
                stream.set_read_timeout(Some(BOUND)).unwrap();
                stream.write_all(subject.request).ok()?;
                let mut answer: Vec<u8> = Vec::new();
                let mut piece = [0; 4096];
                while !answer
                    .windows(subject.answer.len())
                    .any(|part| part == subject.answer)
                {
                    match stream.read(&mut piece).ok()? {
                        0 => return None,
                        read => answer.extend(&piece[..read]),
                    }
                }
                Some(stream)
            })
            .unwrap();
        if let Some(stream) = answered {
            return stream;
        }
        let ended = program.child().try_wait().unwrap();
        assert!(ended.is_none(), "it ended: {ended:?}");
        assert!(Instant::now() < bound, "it does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The program's sockets by peer, listeners by their own address, with the settings in force.
fn settings(name: &str) -> std::collections::BTreeMap<String, Value> {
    let lines = json(&["audit", "--each", "--json", "--process", name]);
    let key = |line: &Value| {
        let end = line.get("peer").unwrap_or(&line["local"]);
        end.as_str().unwrap().to_owned()
    };
    lines
        .iter()
        .filter(|line| line["type"] == "connection" || line["type"] == "listener")
        .map(|line| (key(line), line["settings"].clone()))
        .collect()
}

/// The peers of the program's open connections.
fn connections(name: &str) -> Vec<String> {
    let lines = json(&["audit", "--each", "--json", "--process", name]);
    of_type(&lines, "connection")
        .iter()
        .map(|line| line["peer"].as_str().unwrap().to_owned())
        .collect()
}

fn installed(name: &str) -> Option<PathBuf> {
    let found = common::installed(name);
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

#[test]
fn redis() {
    inside(|| {
        let Some(executable) = installed("redis-server") else {
            return;
        };
        let mut command = Command::new(executable);
        command
            .args(["--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""])
            .args(["--tcp-keepalive", "0"])
            .stdout(std::process::Stdio::null());
        protect(Subject {
            name: "redis-server",
            command,
            port: 6379,
            request: b"PING\r\n",
            answer: b"+PONG\r\n",
        });
    });
}

#[test]
fn nginx() {
    inside(|| {
        let Some(executable) = installed("nginx") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("nginx.conf");
        let place = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {place}/{what};\n"))
            .concat();
        let text = format!(
            "daemon off;
             pid {place}/pid;
             user root;
             worker_processes 1;
             events {{}}
             http {{
                 access_log off;
                 keepalive_timeout 1h;
                 {temporary}
                 server {{ listen 0.0.0.0:80; return 200 \"here\\n\"; }}
             }}"
        );
        std::fs::write(&configuration, text).unwrap();
        let mut command = Command::new(executable);
        command.arg("-c").arg(&configuration).args(["-e", "stderr"]);
        protect(Subject {
            name: "nginx",
            command,
            port: 80,
            request: b"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
            answer: b"here\n",
        });
    });
}

#[test]
fn postgres() {
    inside(|| {
        let Some(programs) = newest_postgres() else {
            return skip("PostgreSQL is not installed");
        };
        if !rustix::process::geteuid().is_root() {
            return skip("PostgreSQL is started as nobody, which takes root");
        }
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(folder.path(), Some(65_534), Some(65_534)).unwrap();
        let data = folder.path().join("data");
        let as_nobody = |program: &str| {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(programs.join(program))
                .arg("-D")
                .arg(&data)
                .current_dir("/");
            command
        };
        let made = as_nobody("initdb")
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=nobody",
                "--locale=C",
            ])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let access = data.join("pg_hba.conf");
        std::fs::write(&access, "host all all 0.0.0.0/0 trust\n").unwrap();
        let mut command = as_nobody("postgres");
        command
            .args(["-F", "-h", "0.0.0.0", "-k"])
            .arg(&data)
            .stderr(std::process::Stdio::null());
        // The first message of protocol 3.0, and ReadyForQuery outside a transaction.
        let rest = b"\0\x03\0\0user\0nobody\0database\0postgres\0\0";
        let length = u32::try_from(4 + rest.len()).unwrap();
        protect(Subject {
            name: "postgres",
            command,
            port: 5432,
            request: &[&length.to_be_bytes()[..], rest].concat(),
            answer: b"Z\0\0\0\x05I",
        });
    });
}

#[test]
fn a_static_binary() {
    inside(|| {
        let Some(compiler) = installed("gcc") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let executable = folder.path().join("static-server");
        build(&compiler, &executable);
        let mut command = Command::new(executable);
        command.arg("8080");
        protect(Subject {
            name: "static-server",
            command,
            port: 8080,
            request: b"x",
            answer: b"x",
        });
    });
}

fn build(compiler: &Path, executable: &Path) {
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/protect/programs/server.c"
    );
    let built = Command::new(compiler)
        .args(["-static", "-pthread", "-o"])
        .arg(executable)
        .arg(source)
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
}

/// Debian keeps the programs of each version in a folder of its own, the newest last.
fn newest_postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("postgres").is_file())
        .max()
}
