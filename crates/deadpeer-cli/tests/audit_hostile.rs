//! `deadpeer audit` where the world does not help: odd names, narrow terminals, no rights, sockets
//! that come and go.

mod common;

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use deadpeer::SocketOptions;
use deadpeer_sys::testing::{in_private_netns, skip};

use common::population::{Holder, Pair, SLEEP, keepalive, pair};
use common::{deadpeer, json, of_type, ran, run};

#[test]
fn a_process_cannot_paint_the_terminal_or_fake_a_row() {
    in_private_netns(|| {
        let folder = tempfile::tempdir().unwrap();
        let name = "a\n\u{1b}[31mb\u{202e}c";
        let program = folder.path().join(name);
        let pair = pair(&SocketOptions::default());
        let holder = Holder::named(&program, pair.client);

        for flags in [&[][..], &["--each"], &["--each", "--color", "always"]] {
            let pid = holder.pid().to_string();
            let ran = run(&[&["audit", "--pid", &pid], flags].concat());
            assert!(
                ran.stdout.contains(r"a\n\x1b[31mb\u{202e}c"),
                "{:?}",
                ran.stdout
            );
            assert!(!ran.stdout.contains("\u{1b}[31mb") && !ran.stdout.contains('\u{202e}'));
            let rows = ran
                .stdout
                .lines()
                .take_while(|line| !line.is_empty())
                .count();
            assert_eq!(rows, 2, "{:?}", ran.stdout);
        }
        // JSON keeps the name as it is, and a filter finds it.
        let lines = json(&["audit", "--json", "--each", "--process", name]);
        assert_eq!(
            of_type(&lines, "connection")[0]["owners"][0]["process"],
            name
        );
    });
}

#[test]
fn a_narrow_terminal_is_kept() {
    in_private_netns(|| {
        let mut fatal = keepalive(15, 15, 3);
        fatal.user_timeout_ms = Some(30_000);
        let _pair = pair(&fatal);
        for width in [60, 80, 100, 132] {
            for flags in [&[][..], &["--each"]] {
                let given = width.to_string();
                let ran = run(&[&["audit", "--within", "5s", "--width", &given], flags].concat());
                assert_eq!(ran.code, 1);
                for line in ran.stdout.lines() {
                    assert!(
                        line.chars().count() <= width,
                        "{width}: {line:?}\n{}",
                        ran.stdout
                    );
                }
                assert!(ran.stdout.contains("LATE WRITE"), "{}", ran.stdout);
            }
        }
        let unlimited = run(&["audit", "--each"]);
        assert!(!unlimited.stdout.contains('…'), "a pipe has no width");
    });
}

#[test]
fn without_rights_everything_is_shown_and_the_gap_is_named() {
    in_private_netns(|| {
        let Some(nobody) = Nobody::new() else {
            return;
        };
        let silent = pair(&SocketOptions::default());
        let ran = nobody.run(&["audit", "--within", "30s"]);
        // No armed timer: no keepalive, whatever the rest may be.
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stdout.contains("! never"), "{}", ran.stdout);
        assert!(
            ran.stdout
                .contains("The settings of 3 sockets could not be read: "),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("; run as root"), "{}", ran.stdout);
        drop(silent);

        let kept = pair(&keepalive(10, 1, 3));
        deadpeer::Apply::apply(&keepalive(10, 1, 3), &kept.client).unwrap();
        let filter = ["--port", &kept.port(), "--state", "established"];
        let ran = nobody.run(&[&["audit", "--each", "--within", "1h"], &filter[..]].concat());
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.stdout.contains("next probe in"), "{}", ran.stdout);
        assert!(ran.stdout.contains("may or may not"), "{}", ran.stdout);
        // The timer that is shown has to run out first: 10 s are too much for 5 s.
        let ran = nobody.run(&[&["audit", "--within", "5s"], &filter[..]].concat());
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stdout.contains("! > 9"), "{}", ran.stdout);
    });
}

#[test]
fn without_rights_ones_own_sockets_are_read() {
    in_private_netns(|| {
        let Some(nobody) = Nobody::new() else {
            return;
        };
        let Pair {
            client,
            listener,
            server,
        } = pair(&keepalive(33, 3, 3));
        let port = listener.local_addr().unwrap().port().to_string();
        let own = nobody
            .command(Path::new(SLEEP))
            .arg("600")
            .stdin(std::os::fd::OwnedFd::from(server))
            .spawn();
        let mut own = own.unwrap();
        let ran = nobody.run(&[
            "audit",
            "--each",
            "--json",
            "--port",
            &port,
            "--state",
            "established",
        ]);
        own.kill().unwrap();
        own.wait().unwrap();
        let lines: Vec<serde_json::Value> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let read: Vec<_> = of_type(&lines, "connection")
            .into_iter()
            .filter(|line| line["settings_from"] == "socket")
            .collect();
        assert_eq!(read.len(), 1, "{}", ran.stdout);
        assert_eq!(read[0]["settings"]["tcp_keepidle_s"], 33);
        drop(client);
    });
}

/// Runs programs as the user nobody.
struct Nobody {
    /// The command in a place that everybody may enter.
    folder: tempfile::TempDir,
}

impl Nobody {
    const ID: u32 = 65534;

    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        // By a process of its own: a file that we wrote may still be open in another test's child,
        // and can't be run then.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_deadpeer"))
            .arg(folder.path())
            .status();
        assert!(copied.unwrap().success());
        let nobody = Self { folder };
        match nobody.command(&nobody.deadpeer()).arg("--version").output() {
            Ok(output) if output.status.success() => Some(nobody),
            failed => {
                skip(&format!("no command as user nobody: {failed:?}"));
                None
            }
        }
    }

    fn deadpeer(&self) -> std::path::PathBuf {
        self.folder.path().join("deadpeer")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.uid(Self::ID).gid(Self::ID);
        command
    }

    fn run(&self, args: &[&str]) -> common::Ran {
        ran(self.command(&self.deadpeer()).args(args).output())
    }
}

#[test]
fn sockets_that_come_and_go_do_no_harm() {
    in_private_netns(|| {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let listener = common::population::listener();
                let address = listener.local_addr().unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let client = TcpStream::connect(address).unwrap();
                    let (server, _) = listener.accept().unwrap();
                    drop((client, server));
                }
            });
            for flags in [&[][..], &["--each"], &["--each", "--json"]].repeat(10) {
                let ran = ran(deadpeer(&[&["audit"], flags].concat()).output());
                assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn more_rows_than_are_held_back_all_come_worst_first() {
    in_private_netns(|| {
        let Some(pairs) = many(1200) else {
            return skip("too few descriptors are allowed");
        };
        let ran = run(&["audit", "--each"]);
        let rows: Vec<&str> = ran
            .stdout
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty())
            .collect();
        assert_eq!(
            rows.len(),
            2 * pairs.len() + 1,
            "a row for each socket and the listener"
        );
        let first_finite = rows.iter().position(|row| !row.contains("never")).unwrap();
        assert!(
            rows[first_finite..]
                .iter()
                .all(|row| !row.contains("never"))
        );
        assert_eq!(first_finite, pairs.len());
    });
}

/// Connections through one listener with keepalive.
fn many(count: usize) -> Option<Vec<(TcpStream, TcpStream)>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let needed = 2 * count as u64 + 200;
    if limit.maximum.is_some_and(|most| most < needed) {
        return None;
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.current.max(Some(needed)),
            ..limit
        },
    )
    .ok()?;
    let listener = common::population::listener();
    deadpeer::Apply::apply(&keepalive(60, 6, 6), &listener).unwrap();
    let address = listener.local_addr().unwrap();
    let connections = (0..count).map(|_| {
        let client = TcpStream::connect(address).unwrap();
        (client, listener.accept().unwrap().0)
    });
    let connections = connections.collect();
    // Keeps listening until the process ends.
    std::mem::forget(listener);
    Some(connections)
}
