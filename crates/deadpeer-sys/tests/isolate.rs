//! A private network namespace without privilege, which the kernel gives to a process with one
//! thread only: so this test is a program of its own, and root runs it again as nobody.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

use deadpeer_sys::netns::{self, NetnsError};
use deadpeer_sys::testing::skip;
use rustix::io::Errno;

const NOBODY: u32 = 65_534;

fn main() {
    if !is_asked_for() {
        return;
    }
    if rustix::process::geteuid().is_root() {
        run_as_nobody();
    } else {
        isolate();
    }
}

/// The little of the test harness's command line that cargo and people use: `--list` and filters.
fn is_asked_for() -> bool {
    let (options, filters): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|arg| arg.starts_with('-'));
    !options.iter().any(|option| option == "--list")
        && (filters.is_empty()
            || filters
                .iter()
                .any(|filter| "isolate".contains(filter.as_str())))
}

fn run_as_nobody() {
    // This path needs no right to the directories above the program.
    let status = Command::new("/proc/self/exe")
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .status();
    match status {
        Ok(status) => assert!(status.success(), "{status}"),
        // Root of a user namespace that has no nobody: without privilege outside, as wanted.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => isolate(),
        Err(error) => panic!("{error}"),
    }
}

fn isolate() {
    let outside = namespace();
    match netns::isolate() {
        Ok(()) => {}
        Err(NetnsError::Call(error)) if matches!(error.errno, Errno::PERM | Errno::NOSPC) => {
            return skip(&format!(
                "no user namespaces for everybody on this machine ({error})"
            ));
        }
        Err(error) => panic!("{error}"),
    }
    assert_ne!(namespace(), outside);
    assert!(
        rustix::process::geteuid().is_root(),
        "root of the new user namespace"
    );
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    }
    // From here on, threads can have namespaces of their own.
    assert!(netns::private(namespace).is_ok_and(|inner| inner != outside));
}

fn namespace() -> u64 {
    netns::inode(netns::open_current().unwrap()).unwrap()
}
