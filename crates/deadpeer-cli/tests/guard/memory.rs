//! What a guard remembers, and files and disks that keep it from remembering.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use deadpeer::SocketOptions;
use deadpeer_lab::testing::inside;
use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::process::{Pid, Signal, kill_process};

use crate::common::guarding::Guarding;
use crate::common::population::pair;
use crate::scene::{Scene, policy};

/// What is damaged is moved aside and said, and deaths are remembered in a new file.
#[test]
fn a_damaged_history_keeps_no_guard_from_its_work() {
    inside(|| {
        let Some(mut scene) = Scene::new(1) else {
            return;
        };
        let folder = scene.directory().join("deadpeer");
        fs::create_dir(&folder).unwrap();
        fs::write(
            folder.join("history.db"),
            "no database at all\n".repeat(100),
        )
        .unwrap();
        scene.guard(&policy("supervise = \"enforce\"\nkill = \"enforce\""));
        let log = scene.logged();
        assert!(log.contains("history.db.damaged-"), "{log}");
        scene.until("nobody is asked", |status| status["changed"] == 1);
        scene.cut(0);
        assert_eq!(scene.remembered()["cause"], "destroyed");
    });
}

/// A guard on whose disk nothing fits any more goes on, says so once, and how much it has lost.
#[test]
fn a_full_disk_keeps_no_guard_from_its_work() {
    in_private_netns(|| {
        let guarding = Guarding::new();
        let folder = guarding.directory().join("deadpeer");
        fs::create_dir(&folder).unwrap();
        let Some(mut guard) = on_a_small_disk(&guarding, &folder) else {
            return;
        };
        guarding.begun();
        fill(&guard.0, &folder);
        let said = || {
            let log = guarding.logged();
            log.matches("the history cannot be written").count()
        };
        guarding.until("a full disk is not said", |_| said() > 0);
        for _ in 0..3 {
            let pair = pair(&SocketOptions::default());
            let socket = socket2::Socket::from(pair.client);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
            drop(socket);
        }
        // It goes on with its work, and tries to write with each second.
        let sweeps = guarding.ask("status").unwrap()["sweeps"].as_u64().unwrap();
        guarding.until("it does not sweep", |status| {
            status["sweeps"].as_u64() >= Some(sweeps + 4)
        });
        let pid = Pid::from_child(&guard.0);
        kill_process(pid, Signal::TERM).unwrap();
        assert!(guard.0.wait().unwrap().success());
        let log = guarding.logged();
        assert_eq!(said(), 1, "{log}");
        // Both ends of each.
        assert!(log.contains("the history lacks 6 deaths"), "{log}");
    });
}

/// The usual file is opened when it can be; one that somebody named may be a slip of the keyboard.
#[test]
fn a_history_that_cannot_be_opened_keeps_no_guard_from_its_work() {
    in_private_netns(|| {
        let guarding = Guarding::new();
        let file = guarding.directory().join("deadpeer/history.db");
        fs::create_dir_all(&file).unwrap();
        let said =
            |file: &Path| format!("cannot make {}: it is not a regular file", file.display());
        let folder = guarding.directory().to_owned();
        let args = [
            "guard",
            "--netns",
            "own",
            "--history",
            folder.to_str().unwrap(),
        ];
        let named = guarding.run(&args);
        assert_eq!(named.code, 2, "{named:?}");
        assert_eq!(named.stderr, format!("deadpeer: {}\n", said(&folder)));
        let mut command = guarding.command("sweep = \"500ms\"\n", &["--netns", "own"]);
        let guard = Running(command.spawn().unwrap());
        guarding.begun();
        let log = guarding.logged();
        assert!(log.contains(&said(&file)), "{log}");
        fs::remove_dir(&file).unwrap();
        guarding.until("it is not said", |_| {
            guarding
                .logged()
                .contains("the history can be written again")
        });
        assert!(file.is_file());
        drop(guard);
    });
}

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A guard whose history is on a file system of 2 MiB. `None` where none can be mounted.
fn on_a_small_disk(guarding: &Guarding, folder: &Path) -> Option<Running> {
    let guard = guarding.command("sweep = \"500ms\"\n", &["--netns", "own"]);
    let script = "mount -t tmpfs -o size=2m none \"$0\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    let tried = command.arg(folder).arg("true").output();
    if !tried.as_ref().is_ok_and(|output| output.status.success()) {
        skip(&format!("nothing can be mounted: {tried:?}"));
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    command
        .arg(folder)
        .arg(guard.get_program())
        .args(guard.get_args());
    for (name, value) in guard.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stderr(fs::File::create(guarding.log()).unwrap());
    Some(Running(command.spawn().unwrap()))
}

/// Until there is no room for a byte on the disk that the guard alone sees.
fn fill(guard: &Child, folder: &Path) {
    let filler = folder.strip_prefix("/").unwrap().join("filler");
    let filler = Path::new(&format!("/proc/{}/root", guard.id())).join(filler);
    let filler = fs::File::create(filler).unwrap();
    let filled = std::io::copy(&mut std::io::repeat(0), &mut &filler);
    assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
}
