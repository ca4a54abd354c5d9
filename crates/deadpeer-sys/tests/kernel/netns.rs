//! Making, opening and entering network namespaces.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use deadpeer_sys::SysError;
use deadpeer_sys::netns::{self, NetnsError, NetnsLock};
use deadpeer_sys::testing::{in_private_netns, is_private, skip};
use rustix::io::Errno;

fn current() -> u64 {
    netns::inode(netns::open_current().unwrap()).unwrap()
}

#[test]
fn a_private_one_is_empty_but_for_loopback() {
    let outside = current();
    in_private_netns(move || {
        assert_ne!(current(), outside);
        assert_eq!(is_private(), Ok(true));
        let interfaces = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        let names: Vec<_> = interfaces
            .lines()
            .filter_map(|l| l.split_once(':'))
            .map(|(n, _)| n.trim())
            .collect();
        assert_eq!(names, ["lo"]);
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        }
        let inside = current();
        assert_eq!(std::thread::spawn(current).join().unwrap(), inside);
    });
    assert_eq!(current(), outside);
    assert_eq!(is_private(), Ok(false));
}

#[test]
fn entering_moves_one_thread_and_leaves_the_caller() {
    in_private_netns(|| {
        let here = current();
        let other = netns::private(|| netns::open_current().unwrap()).unwrap();
        let there = netns::inode(&other).unwrap();
        assert_ne!(there, here);
        assert_eq!(netns::enter(&other, current), Ok(there));
        assert_eq!(current(), here);
    });
}

#[test]
fn processes_and_files_lead_to_theirs() {
    let mine = netns::open_process(std::process::id()).unwrap();
    let path = netns::open("/proc/self/ns/net").unwrap();
    assert_eq!(netns::inode(mine), netns::inode(path));
}

#[test]
fn what_is_no_namespace() {
    let path = PathBuf::from("/proc/4194305/ns/net");
    let errno = Errno::NOENT;
    assert_eq!(
        netns::open_process(4_194_305).unwrap_err(),
        NetnsError::Open { path, errno }
    );
    let path = PathBuf::from("/run/netns/no-such-namespace");
    assert_eq!(
        netns::open_named("no-such-namespace").unwrap_err(),
        NetnsError::Open { path, errno }
    );
    for name in ["", ".", "..", "../../proc/self/ns/net", "a\0b"] {
        let name = name.to_owned();
        assert_eq!(
            netns::open_named(&name).unwrap_err(),
            NetnsError::Name { name }
        );
    }
    let file = std::fs::File::open("/dev/null").unwrap();
    let (call, errno) = ("setns", Errno::INVAL);
    assert_eq!(netns::move_thread(file), Err(SysError { call, errno }));
}

#[test]
fn a_file_that_is_no_namespace_is_not_even_opened() {
    let folder = std::env::temp_dir();
    let fifo = folder.join(format!("deadpeer-fifo-{}", std::process::id()));
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    // Opened for reading, it would wait for somebody who writes.
    let opened = [fifo.clone(), PathBuf::from("/dev/null"), folder].map(|path| {
        (
            netns::open(&path).unwrap_err(),
            NetnsError::NoNamespace { path },
        )
    });
    std::fs::remove_file(fifo).unwrap();
    for (error, expected) in opened {
        assert_eq!(error, expected);
    }
}

#[test]
fn one_holds_a_namespace_at_a_time() {
    in_private_netns(|| {
        let take = || NetnsLock::take(netns::open_current().unwrap()).unwrap();
        let held = take();
        assert!(held.is_some());
        assert!(take().is_none());
        let holder = netns::locked_by(netns::open_current().unwrap());
        assert_eq!(holder, Some(std::process::id()));
        // Another's is another.
        let other = netns::private(|| take().is_some()).unwrap();
        assert!(other);
        drop(held);
        assert!(take().is_some());
        assert_eq!(netns::locked_by(netns::open_current().unwrap()), None);
    });
}

#[test]
fn a_panic_inside_comes_out() {
    let caught = std::panic::catch_unwind(|| in_private_netns(|| panic!("inside")));
    match caught {
        Err(panic) => assert_eq!(panic.downcast_ref(), Some(&"inside")),
        Ok(()) => skip("no private network namespace"),
    }
}
