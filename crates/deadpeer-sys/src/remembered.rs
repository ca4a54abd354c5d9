//! A socket that is known by its number but neither owned nor borrowed.

use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use deadpeer_core::{SocketOption, TcpInfo};
use rustix::io::Errno;

use crate::sockopt::{self, raw};
use crate::{Result, SysError, door, tcp_info};

/// The number of a descriptor, and the cookie of the socket behind it.
///
/// Who watches a socket must not hold a duplicate: no FIN would go out when the owner closes it. So
/// the owner may close it, and its number may come to mean something else. Each answer is therefore
/// checked against the cookie, which no other socket has until the machine is rebooted; `None` is
/// "no longer that socket". Only reading questions are asked this way; to set an option,
/// [`hold`](Self::hold) it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    number: RawFd,
    cookie: u64,
}

impl Remembered {
    /// Remembers a socket. Needs Linux 4.12.
    pub fn of(fd: impl AsFd) -> Result<Self> {
        let fd = fd.as_fd();
        let cookie = sockopt::cookie(fd)?;
        Ok(Self {
            number: fd.as_raw_fd(),
            cookie,
        })
    }

    /// A socket whose cookie is known, under a number that may or may not mean it.
    #[must_use]
    pub fn under(number: RawFd, cookie: u64) -> Self {
        Self { number, cookie }
    }

    /// A descriptor of this process that is the socket with this cookie, whatever its number
    /// (proc(5), `/proc/PID/fd`); `None` if there is none, or no /proc.
    #[must_use]
    pub fn find(cookie: u64) -> Option<Self> {
        let folder = "/proc/thread-self/fd";
        let entries =
            door::file("open(/proc/thread-self/fd)", || std::fs::read_dir(folder)).ok()?;
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut sockets = numbers.map(|number| Self::under(number, cookie));
        sockets.find(Self::is_there)
    }

    /// The cookie of the socket.
    #[must_use]
    pub fn cookie(&self) -> u64 {
        self.cookie
    }

    /// The number of its descriptor.
    #[must_use]
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// Whether its number still means this socket.
    #[must_use]
    pub fn is_there(&self) -> bool {
        cookie(self.number) == Ok(self.cookie)
    }

    /// As [`tcp_info`](crate::tcp_info()).
    pub fn tcp_info(&self) -> Result<Option<TcpInfo>> {
        self.checked(tcp_info::read(self.number))
    }

    /// As [`sockopt::keepcnt`].
    pub fn keepcnt(&self) -> Result<Option<u32>> {
        self.checked(sockopt::get_of(self.number, SocketOption::Keepcnt))
    }

    /// As [`sockopt::user_timeout_ms`].
    pub fn user_timeout_ms(&self) -> Result<Option<Option<u32>>> {
        let answer = sockopt::get_of(self.number, SocketOption::UserTimeout);
        self.checked(answer.map(|ms| Some(ms).filter(|ms| *ms > 0)))
    }

    /// A duplicate of its descriptor, for the moment that it takes to set an option. `None`: its
    /// number means something else by now.
    ///
    /// While it is open, a close of the owner's does not end the connection: close it again at
    /// once.
    ///
    /// # Errors
    /// `EMFILE`.
    #[doc(alias = "F_DUPFD_CLOEXEC")]
    pub fn hold(&self) -> Result<Option<OwnedFd>> {
        if !self.is_there() {
            return Ok(None);
        }
        // SAFETY: it touches no memory of ours; a number that is no descriptor is EBADF.
        let held = door::number("fcntl(F_DUPFD_CLOEXEC)", || unsafe {
            libc::fcntl(self.number, libc::F_DUPFD_CLOEXEC, 0)
        });
        let held = match held {
            // SAFETY: the kernel has just made it, for us alone.
            Ok(number) => unsafe { OwnedFd::from_raw_fd(number) },
            Err(error) if error.errno == Errno::BADF => return Ok(None),
            Err(error) => return Err(error),
        };
        match cookie(held.as_raw_fd()) {
            Ok(cookie) if cookie == self.cookie => Ok(Some(held)),
            Ok(_) => Ok(None),
            // In this very moment the number came to mean a file. Closing any descriptor of one
            // gives up this process' locks on it (fcntl(2)): so it stays open.
            Err(_) => {
                let _ = held.into_raw_fd();
                Ok(None)
            }
        }
    }

    /// An answer counts if the number meant this socket after it was given.
    fn checked<T>(&self, answer: Result<T>) -> Result<Option<T>> {
        match (answer, self.is_there()) {
            (_, false) => Ok(None),
            (answer, true) => answer.map(Some),
        }
    }
}

/// `SO_COOKIE` of asm-generic/socket.h, not in libc; SPARC has a number of its own.
const SO_COOKIE: c_int = if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) {
    0x003b
} else {
    57
};

/// `SO_COOKIE` of a number.
fn cookie(number: RawFd) -> Result<u64> {
    let call = "getsockopt(SO_COOKIE)";
    match raw::read(number, libc::SOL_SOCKET, SO_COOKIE, call)? {
        (cookie, 8) => Ok(u64::from_ne_bytes(cookie)),
        _ => Err(SysError {
            call,
            errno: Errno::INVAL,
        }),
    }
}
