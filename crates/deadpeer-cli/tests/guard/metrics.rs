//! What Prometheus gets to see.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use deadpeer_lab::testing::inside;
use deadpeer_sys::testing::skip;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};

use crate::common::guarding::BOUND;
use crate::common::{deadpeer, ran, run};
use crate::scene::{Scene, policy, program};

/// A dead peer is destroyed, and the metrics say so, as do the status and the history. Scrapers
/// that hang keep neither the guard nor other scrapers from it.
#[test]
fn what_was_done_is_shown() {
    inside(|| {
        let Some(mut scene) = Scene::new(4) else {
            return;
        };
        scene.guard(&policy("supervise = \"enforce\"\nkill = \"enforce\""));
        let mut hanging: Vec<_> = (0..8).map(|_| scene.scraper()).collect();
        for scraper in &mut hanging {
            scraper.write_all(b"GET /metrics HT").unwrap();
        }
        assert!(scene.get("/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
        let before = scene.get("/metrics");
        assert_eq!(sample(&before, DESTROYED), Some(0.0), "{before}");
        scene.until("nobody is asked", |status| status["changed"] == 4);
        scene.cut(0);
        scene.until("nothing was destroyed", |status| status["destroyed"] == 1);
        let bound = Instant::now() + BOUND;
        let shown = loop {
            let shown = scene.get("/metrics");
            // Written to the disk within a second, and looked at with the next sweep.
            if sample(&shown, "deadpeer_history_records") == Some(1.0) {
                break shown;
            }
            scene.wait(bound, &shown);
        };
        for (series, value) in [
            (DESTROYED, 1.0),
            (
                "deadpeer_deaths_total{service=\"redis-server 0.0.0.0:6379\",cause=\"destroyed\"}",
                1.0,
            ),
            (
                "deadpeer_questions_total{service=\"redis-server 0.0.0.0:6379\",result=\"unanswered\"}",
                1.0,
            ),
            (
                "deadpeer_changes_total{policy=\"redis\",what=\"supervise\"}",
                4.0,
            ),
            (
                "deadpeer_death_silence_seconds_count{cause=\"destroyed\"}",
                1.0,
            ),
            ("deadpeer_holding{reason=\"many-silent\"}", 0.0),
            ("deadpeer_config_last_reload_successful", 1.0),
            ("deadpeer_history_lost_total", 0.0),
        ] {
            let found = sample(&shown, series);
            assert_eq!(found, Some(value), "{series}\n{shown}");
        }
        complies(&shown);
        // Told so by a signal, as systemd does.
        scene.configure("nonsense");
        let status = scene.ask("status").unwrap();
        let pid = i32::try_from(status["pid"].as_i64().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::HUP).unwrap();
        let status = scene.until("it was not read", |status| {
            status["last_reload_ok"] == false
        });
        assert_eq!(status["policies"], 1, "{status}");
        let log = scene.logged();
        assert!(log.contains("the old configuration stays: "), "{log}");
        let wrong = scene.get("/metrics");
        let reload = sample(&wrong, "deadpeer_config_last_reload_successful");
        assert_eq!(reload, Some(0.0), "{wrong}");
    });
}

const DESTROYED: &str =
    "deadpeer_kills_total{policy=\"redis\",mode=\"enforce\",result=\"destroyed\"}";

/// The value of a series.
fn sample(shown: &str, series: &str) -> Option<f64> {
    let mut values = shown.lines().filter_map(|line| line.strip_prefix(series));
    values.find_map(|rest| rest.strip_prefix(' ')?.parse().ok())
}

/// Prometheus has nothing to say against it.
fn complies(shown: &str) {
    let Some(mut promtool) = promtool() else {
        return;
    };
    let (_, body) = shown.split_once("\r\n\r\n").unwrap();
    promtool.args(["check", "metrics"]);
    promtool.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut checking = promtool.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = checking.stdin.take().unwrap();
    stdin.write_all(body.as_bytes()).unwrap();
    drop(stdin);
    let checked = ran(checking.wait_with_output());
    let said = (checked.code, &*checked.stdout, &*checked.stderr);
    assert_eq!(said, (0, "", ""), "{body}");
}

fn promtool() -> Option<Command> {
    let found = program("promtool");
    if found.is_none() {
        skip("promtool is not installed (Debian: prometheus)");
    }
    found.map(Command::new)
}

/// The alert rules fire when they should and not when they shouldn't.
#[test]
fn alerts() {
    let Some(mut promtool) = promtool() else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/prometheus");
    promtool.args(["test", "rules"]);
    let tested = ran(promtool
        .arg(folder.join("deadpeer.rules.test.yaml"))
        .output());
    assert_eq!(tested.code, 0, "{}{}", tested.stdout, tested.stderr);
}

/// Sockets that whoever starts the guard listens at already, as a `.socket` unit passes them.
#[test]
fn sockets_that_are_passed() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = [0, 1].map(|it: usize| listeners[it].local_addr().unwrap());
    let [first, second] = listeners.map(OwnedFd::from);
    let directory = tempfile::tempdir().unwrap();
    let guard = deadpeer(&["guard", "--netns", "own", "--no-history"]);
    let mut shell = Command::new("sh");
    let passed = "LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null";
    shell
        .args(["-c", passed])
        .arg(guard.get_program())
        .args(guard.get_args());
    shell.env("RUNTIME_DIRECTORY", directory.path());
    shell.stdin(first).stdout(second).stderr(Stdio::null());
    let mut guard = shell.spawn().unwrap();
    let pid = guard.id();
    let answers = addresses.map(|address| {
        // Whoever connects waits in the queue until it answers.
        let mut scraper = TcpStream::connect(address).unwrap();
        scraper.set_read_timeout(Some(BOUND)).unwrap();
        scraper.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        scraper.read_to_string(&mut answer).map(|_| answer)
    });
    // Programs that it starts don't get them.
    let closed_on_exec = [3, 4].map(|number| {
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}"));
        let (_, flags) = info.as_ref().unwrap().split_once("flags:").unwrap();
        let flags = flags.lines().next().unwrap().trim();
        u32::from_str_radix(flags, 8).unwrap() & OFlags::CLOEXEC.bits() != 0
    });
    guard.kill().unwrap();
    guard.wait().unwrap();
    assert_eq!(closed_on_exec, [true; 2]);
    for answer in answers {
        let answer = answer.unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
}

#[test]
fn where_nobody_can_listen() {
    for address in ["9717", "localhost", "127.0.0.1:99999", ""] {
        let refused = run(&["guard", "--listen", address]);
        assert_eq!((refused.code, &*refused.stdout), (2, ""), "{address}");
        assert!(refused.stderr.contains("--listen"), "{}", refused.stderr);
    }
    for url in ["https://127.0.0.1:4318", "127.0.0.1:4318", "http://"] {
        let refused = run(&["guard", "--otlp", url]);
        assert_eq!((refused.code, &*refused.stdout), (2, ""), "{url}");
        let said = match cfg!(feature = "otlp") {
            true => "http://HOST:PORT",
            false => "--features otlp",
        };
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let mut command = deadpeer(&["guard", "--no-history", "--listen", &address]);
    let refused = ran(command.env("RUNTIME_DIRECTORY", directory.path()).output());
    assert_eq!((refused.code, &*refused.stdout), (2, ""));
    let said = format!("deadpeer: --listen {address}: Address already in use (os error 98)\n");
    assert_eq!(refused.stderr, said);
}
