//! Descriptors of another process.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use deadpeer_sys::testing::in_private_netns;
use deadpeer_sys::{pidfd, sockopt};
use rustix::io::Errno;

#[test]
fn a_childs_socket_is_the_same_socket() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // The child has the listener as its standard input.
        let mut child = Command::new("sh")
            .args(["-c", "echo ready; exec sleep 60"])
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(
                listener.try_clone().unwrap(),
            )))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        assert_eq!(ready, "ready\n");

        let process = pidfd::open(child.id()).unwrap();
        let socket = pidfd::descriptor(&process, 0).unwrap();
        assert_ne!(socket.as_raw_fd(), listener.as_raw_fd());
        assert_eq!(sockopt::cookie(&socket), sockopt::cookie(&listener));
        sockopt::set_keepcnt(&socket, 4).unwrap();
        assert_eq!(sockopt::keepcnt(&listener), Ok(4));

        let missing = pidfd::descriptor(&process, 999).unwrap_err();
        assert_eq!((missing.call, missing.errno), ("pidfd_getfd", Errno::BADF));

        child.kill().unwrap();
        child.wait().unwrap();
        let gone = pidfd::descriptor(&process, 0).unwrap_err();
        assert_eq!(gone.errno, Errno::SRCH);
    });
}

#[test]
fn numbers_that_no_process_has() {
    for pid in [0, 4_194_305, i32::MAX.cast_unsigned() + 1, u32::MAX] {
        let error = pidfd::open(pid).unwrap_err();
        assert_eq!(
            (error.call, error.errno),
            ("pidfd_open", Errno::SRCH),
            "{pid}"
        );
    }
}
