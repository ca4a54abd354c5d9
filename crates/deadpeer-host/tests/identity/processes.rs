//! A process with the number of one that has ended, holding another socket under the same
//! descriptor.

use std::fs;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use deadpeer_sys::testing::skip;

use crate::{Pair, alone, is_protected, protect, tables};

/// The number that was given to a process last, in the pid namespace of who opens it
/// (Documentation/admin-guide/sysctl/kernel.rst).
const LAST: &str = "/proc/sys/kernel/ns_last_pid";

/// Set for the run of this test inside a pid namespace of its own, where numbers can be given out
/// at will.
const INSIDE: &str = "DEADPEER_TEST_INSIDE";

#[test]
fn a_process_that_is_another_by_now_is_not_taken_for_it() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let _alone = alone();
    let name = "processes::a_process_that_is_another_by_now_is_not_taken_for_it";
    let mut command = Command::new("unshare");
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    let may = Command::new("unshare")
        .args(["--net", "--pid", "--fork", "--mount-proc", "true"])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        return skip("no pid namespace can be made here");
    }
    let output = command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{error}");
    assert!(said.contains("1 passed"), "{said}{error}");
    if let Some(skipped) = said
        .lines()
        .chain(error.lines())
        .find(|line| line.starts_with("SKIP"))
    {
        skip(skipped);
    }
}

fn inside() {
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    if !up.is_ok_and(|status| status.success()) {
        return skip("no ip(8) to bring the loopback up");
    }
    if fs::read(LAST)
        .and_then(|last| fs::write(LAST, last))
        .is_err()
    {
        return skip("this kernel gives numbers out as it likes (CONFIG_CHECKPOINT_RESTORE)");
    }
    for mut table in tables() {
        let (meant, other) = (Pair::new(), Pair::new());
        let filter = meant.filter();
        let watched = other.server.try_clone().unwrap();
        let listener = meant.listener.try_clone().unwrap();
        let mut first = holding(meant.server);
        let number = first.id();
        let mut second = None;
        let outcome = protect(&mut table, &filter, || {
            first.kill().unwrap();
            first.wait().unwrap();
            // The next process gets this one's successor.
            fs::write(LAST, (number - 1).to_string()).unwrap();
            second = Some(holding(other.server));
        });
        let mut second = second.unwrap();
        assert_eq!(second.id(), number);
        assert!(is_protected(&listener), "the listener is still there");
        assert_eq!((outcome.changed, outcome.gone), (1, 1), "{outcome:?}");
        assert!(!is_protected(&watched));
        second.kill().unwrap();
        second.wait().unwrap();
    }
}

/// A process that has a socket for its standard input.
fn holding(socket: impl Into<OwnedFd>) -> Child {
    let mut command = Command::new("sleep");
    command.arg("600").stdin(Stdio::from(socket.into()));
    command.spawn().unwrap()
}
