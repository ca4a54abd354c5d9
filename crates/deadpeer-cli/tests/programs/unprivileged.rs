//! Somebody else's program, looked at without privilege: its connections are seen, its settings are
//! not, and that is said.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::audit::{Socket, wait_until};
use crate::common::{Ran, ran};
use crate::program::{NOBODY, as_user, with_program};
use crate::redis::{ADDRESS, redis};

/// Runs the command as nobody, from where nobody may run it.
fn as_nobody(args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let command = folder.path().join("deadpeer");
    // By a process of its own: a file that this one has open for writing can't be run (ETXTBSY),
    // and a thread may fork just then.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_deadpeer"))
        .arg(&command)
        .status();
    assert!(copied.unwrap().success());
    ran(as_user(Some(NOBODY), &command, args)
        .current_dir("/")
        .output())
}

#[test]
fn the_armed_timer_tells_what_the_settings_would() {
    with_program("redis-server", |executable| {
        let (_server, client) = redis(executable, "60", ADDRESS);
        wait_until(&client, Socket::waits_for_keepalive);

        let shown = as_nobody(&["audit", "--each", "--local", ADDRESS]);
        assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
        let peer = client.local_addr().unwrap().to_string();
        assert!(shown.stdout.contains(&peer), "{}", shown.stdout);
        let gap = "The settings of 2 sockets could not be read: owner not visible; run as root.";
        assert!(shown.stdout.contains(gap), "{}", shown.stdout);

        let within =
            |deadline| as_nobody(&["audit", "--within", deadline, "--local", ADDRESS]).code;
        // The timer has more than 30 s to go: whatever the settings are, they are too slow.
        assert_eq!(within("30s"), 1);
        // 90 s may or may not be enough.
        assert_eq!(within("90s"), 3);
    });
}

#[test]
fn no_timer_is_no_keepalive() {
    with_program("redis-server", |executable| {
        let (_server, client) = redis(executable, "0", ADDRESS);
        wait_until(&client, |socket| socket.timer.is_none());
        let ran = as_nobody(&["audit", "--within", "24h", "--local", ADDRESS]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        assert!(ran.stdout.contains("! never"), "{}", ran.stdout);
    });
}

#[test]
fn a_program_that_may_not_be_looked_into_is_no_program_without_connections() {
    with_program("redis-server", |executable| {
        let (_server, _client) = redis(executable, "60", ADDRESS);
        for verb in [
            &["audit", "--within", "24h"][..],
            &["ping", "-c", "1"],
            &["protect", "--within", "30s", "--dry-run"],
        ] {
            let ran = as_nobody(&[verb, &["--process", "redis-server"]].concat());
            let said = ran.stdout.replace('\n', " ");
            assert_eq!(ran.code, 3, "{verb:?}: {said}{}", ran.stderr);
            assert!(
                said.contains("No permission to read the descriptors"),
                "{verb:?}: {said}"
            );
            assert!(said.contains("run as root"), "{verb:?}: {said}");
        }
        let nobodys = as_nobody(&["ping", "-c", "1", "--process", "no-such-program"]);
        assert!(!nobodys.stdout.contains("may not"), "{}", nobodys.stdout);
    });
}
