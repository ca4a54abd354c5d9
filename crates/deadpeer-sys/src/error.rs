//! The error of a single system call.

use std::fmt;

use rustix::io::Errno;

/// The result of a single system call.
pub type Result<T> = std::result::Result<T, SysError>;

/// A system call that failed: which one, and what the kernel said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SysError {
    /// The call, with the option or operation where one call has many: `setsockopt(TCP_KEEPIDLE)`.
    pub call: &'static str,
    /// What the kernel said.
    pub errno: Errno,
}

impl std::error::Error for SysError {}

impl fmt::Display for SysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, errno } = self;
        write!(f, "{call}: {errno}")
    }
}

impl From<SysError> for std::io::Error {
    /// Keeps the kind and the errno; the name of the call is lost.
    fn from(error: SysError) -> Self {
        error.errno.into()
    }
}

/// The name of an errno that ends connections, or its number.
#[must_use]
pub fn errno_name(errno: Errno) -> String {
    let known = [
        (Errno::PIPE, "EPIPE"),
        (Errno::CONNRESET, "ECONNRESET"),
        (Errno::CONNABORTED, "ECONNABORTED"),
        (Errno::CONNREFUSED, "ECONNREFUSED"),
        (Errno::TIMEDOUT, "ETIMEDOUT"),
        (Errno::HOSTUNREACH, "EHOSTUNREACH"),
        (Errno::NETUNREACH, "ENETUNREACH"),
        (Errno::NETDOWN, "ENETDOWN"),
        (Errno::ACCESS, "EACCES"),
        (Errno::NOTCONN, "ENOTCONN"),
        (Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
    ];
    let found = known.into_iter().find(|(known, _)| *known == errno);
    found.map_or_else(
        || format!("errno {}", errno.raw_os_error()),
        |(_, name)| name.to_owned(),
    )
}
