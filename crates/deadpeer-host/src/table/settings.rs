//! The options in force on somebody else's socket: borrowed through a pidfd, read, given back.

use deadpeer_core::{Effective, Sysctls, TcpState};
use deadpeer_report::Unreadable;
use deadpeer_sys::sock_diag::Socket;
use deadpeer_sys::{SysError, sockopt};
use rustix::io::Errno;

use super::fd_borrower::FdBorrower;
use super::owners::OwnersOf;

/// What is known of a connection's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settings {
    /// Read from the socket.
    Known(Effective),
    /// Could not be read.
    Unknown(Unreadable),
    /// Not looked for.
    NotAsked,
}

impl Settings {
    /// The options, where they are known.
    #[must_use]
    pub fn effective(&self) -> Option<&Effective> {
        match self {
            Self::Known(effective) => Some(effective),
            Self::Unknown(_) | Self::NotAsked => None,
        }
    }
}

/// Why a call on somebody else's socket failed.
pub(crate) fn unreadable(error: SysError) -> Unreadable {
    match error.errno {
        Errno::PERM | Errno::ACCESS => Unreadable::NotPermitted,
        Errno::NOSYS => Unreadable::KernelTooOld,
        // The process ended, or the descriptor is closed, or something else has its number now.
        Errno::SRCH | Errno::BADF | Errno::NOTSOCK | Errno::OPNOTSUPP | Errno::NOPROTOOPT => {
            Unreadable::Gone
        }
        Errno::MFILE | Errno::NFILE => Unreadable::TooManyFiles,
        _ => Unreadable::Refused,
    }
}

/// Reads options of sockets, a process' handle opened once.
#[derive(Debug)]
pub(crate) struct Reader {
    sysctls: Sysctls,
    every_option: bool,
    borrower: FdBorrower,
}

impl Reader {
    /// `sysctls` are those of the sockets' network namespace; `every_option`: also those that are
    /// not in force.
    pub(crate) fn new(sysctls: Sysctls, every_option: bool) -> Self {
        Self {
            sysctls,
            every_option,
            borrower: FdBorrower::default(),
        }
    }

    /// Reads the options of `socket` through the first of its owners that lets us.
    pub(crate) fn read(&mut self, owners: OwnersOf<'_>, socket: &Socket<'_>) -> Settings {
        if socket.inode.is_none() {
            return Settings::Unknown(Unreadable::NoDescriptor);
        }
        let duplicate = self.borrower.borrow_from(owners.numbers(), socket.cookie);
        let read = duplicate.and_then(|duplicate| {
            // TCP_SYNCNT counts while connecting alone.
            let read = match self.every_option || socket.state == TcpState::SynSent {
                true => sockopt::effective(&duplicate),
                false => sockopt::effective_among(&duplicate, &self.sysctls),
            };
            read.map_err(unreadable)
        });
        match read {
            Ok(effective) => Settings::Known(effective),
            Err(why) => Settings::Unknown(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::num::NonZeroU32;
    use std::os::fd::{AsRawFd, RawFd};
    use std::process::{Child, Command, Stdio};

    use deadpeer_sys::testing::skip;
    use rustix::process::Uid;

    use super::*;
    use crate::process::Process;
    use crate::table::Owners;

    /// Reads the options of a socket with this cookie from these descriptors, tried in this order.
    fn read(cookie: u64, held: &[(u32, RawFd)]) -> Settings {
        read_in(TcpState::Listen, cookie, held)
    }

    fn read_in(state: TcpState, cookie: u64, held: &[(u32, RawFd)]) -> Settings {
        let inode = NonZeroU32::new(7).unwrap();
        let held = held
            .iter()
            .map(|(pid, fd)| (inode, Process::named(*pid, b"x"), *fd));
        let owners: Owners = held.collect();
        let any = "0.0.0.0:0".parse().unwrap();
        let mut socket = Socket::new(state, any, any);
        socket.cookie = cookie;
        socket.inode = Some(inode);
        Reader::new(Sysctls::DEFAULT, false).read(owners.of(inode), &socket)
    }

    fn sleep() -> Child {
        let mut command = Command::new("sleep");
        command.arg("1000").stdin(Stdio::null()).spawn().unwrap()
    }

    fn ended() -> u32 {
        let mut child = sleep();
        child.kill().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn our_own_socket_is_read_like_any() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        sockopt::set_user_timeout_ms(&listener, Some(4321)).unwrap();
        let cookie = sockopt::cookie(&listener).unwrap();
        let settings = read(cookie, &[(std::process::id(), listener.as_raw_fd())]);
        assert_eq!(settings.effective().unwrap().user_timeout_ms, Some(4321));
    }

    #[test]
    fn how_often_a_connecting_socket_tries_is_read() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        sockopt::set_syncnt(&socket, 2).unwrap();
        let cookie = sockopt::cookie(&socket).unwrap();
        let held = [(std::process::id(), socket.as_raw_fd())];
        let settings = read_in(TcpState::SynSent, cookie, &held);
        assert_eq!(settings.effective().unwrap().syncnt, Some(2));
    }

    #[test]
    fn another_socket_under_the_same_number_is_not_taken_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cookie = sockopt::cookie(&listener).unwrap();
        let settings = read(cookie + 1, &[(std::process::id(), listener.as_raw_fd())]);
        assert_eq!(settings, Settings::Unknown(Unreadable::Gone));
    }

    #[test]
    fn closed_descriptors_other_files_and_ended_processes_are_gone() {
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        let me = std::process::id();
        for (pid, fd) in [(me, RawFd::MAX), (me, file.as_raw_fd()), (ended(), 0)] {
            assert_eq!(read(1, &[(pid, fd)]), Settings::Unknown(Unreadable::Gone));
        }
    }

    #[test]
    fn the_next_owner_is_asked_if_the_first_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cookie = sockopt::cookie(&listener).unwrap();
        let settings = read(
            cookie,
            &[(std::process::id(), listener.as_raw_fd()), (ended(), 0)],
        );
        assert!(settings.effective().is_some());
        let settings = read(
            cookie,
            &[(ended(), 0), (std::process::id(), listener.as_raw_fd())],
        );
        assert!(settings.effective().is_some());
    }

    #[test]
    fn nobody_may_not_read_from_roots_process() {
        if !rustix::process::geteuid().is_root() {
            return skip("a process of root takes root");
        }
        let mut child = sleep();
        let pid = child.id();
        // Credentials belong to a thread; only the C library makes them the process'.
        let settings = std::thread::spawn(move || {
            rustix::thread::set_thread_uid(Uid::from_raw(65_534)).ok()?;
            Some(read(1, &[(pid, 0)]))
        });
        let settings = settings.join().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        match settings {
            Some(settings) => {
                assert_eq!(settings, Settings::Unknown(Unreadable::NotPermitted));
            }
            None => skip("a user namespace with a single id has no nobody"),
        }
    }
}
