//! Setting options on a socket: all of them or none, and read back.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use deadpeer_core::options::OutOfRange;
use deadpeer_core::{Effective, Plan, Setting, SocketOptions};
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{Errno, SysError};

/// Something that can be set on a socket.
pub trait Apply {
    /// Sets the options on a TCP socket of any kind, reads back what the kernel holds, and reports
    /// it.
    ///
    /// The socket may be fresh, connecting, connected, accepted or listening; a listener hands its
    /// options to the connections it accepts from then on, but not to those already in its queue.
    /// On an idle connection the silence that has already passed counts: if it exceeds
    /// `TCP_KEEPIDLE`, the first probe goes out at once. Needs no privilege.
    ///
    /// An option that the socket does not have (an older kernel, Multipath TCP) is reported in
    /// [`Applied::unsupported`] and the others are set: a caller who depends on every option asks
    /// [`Applied::is_complete`].
    ///
    /// # Errors
    /// See [`ApplyError`]. Values are checked before anything is set. If the kernel refuses one
    /// nevertheless, those already set are put back.
    fn apply(&self, socket: impl AsFd) -> Result<Applied, ApplyError>;

    /// As [`apply`](Self::apply), to another program's socket, whose descriptor is borrowed. Where
    /// `deadpeer run` or `protect --new-connections` holds for that program, what it sets itself
    /// must fit their deadline, and is changed if it doesn't; this is set as it is.
    ///
    /// # Errors
    /// See [`ApplyError`].
    fn apply_from_outside(&self, socket: impl AsFd) -> Result<Applied, ApplyError>;
}

impl Apply for SocketOptions {
    fn apply(&self, socket: impl AsFd) -> Result<Applied, ApplyError> {
        apply(self, socket.as_fd()).map(|(_, applied)| applied)
    }

    fn apply_from_outside(&self, socket: impl AsFd) -> Result<Applied, ApplyError> {
        let fd = socket.as_fd();
        let set = |setting| sockopt::set_from_outside(fd, setting);
        apply_by(self, fd, set).map(|(_, applied)| applied)
    }
}

/// Sets the options of the plan. A plan without a user timeout takes one away that is set: it would
/// override the number of probes, and kill slow readers.
impl Apply for Plan {
    fn apply(&self, socket: impl AsFd) -> Result<Applied, ApplyError> {
        self.options().apply(socket)
    }

    fn apply_from_outside(&self, socket: impl AsFd) -> Result<Applied, ApplyError> {
        self.options().apply_from_outside(socket)
    }
}

/// What came of setting options.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// What the kernel holds now, read back after setting.
    pub effective: Effective,
    /// What could not be set, because this socket has no such option.
    pub unsupported: Vec<Unsupported>,
    /// Where the kernel holds another value than it was given: it rounds `TCP_RTO_MAX_MS` up to
    /// whole timer ticks.
    pub differences: Vec<Difference>,
}

impl Applied {
    /// Whether every option was set. Rounding does not count.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unsupported.is_empty()
    }
}

/// An option that this socket does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Unsupported {
    /// What was to be set.
    pub setting: Setting,
    /// Why it could not.
    pub lack: Lack,
}

/// Why a socket does not have an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lack {
    /// The kernel is too old: `TCP_RTO_MAX_MS` came with Linux 6.15.
    Kernel,
    /// Multipath TCP sockets take keepalive options but no user timeout, `TCP_RTO_MAX_MS` or
    /// `TCP_SYNCNT` (net/mptcp/sockopt.c).
    Multipath,
}

/// An option whose value the kernel changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Difference {
    /// What was set.
    pub asked: Setting,
    /// What the kernel made of it.
    pub held: Setting,
}

/// Why options were not set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// A value that no kernel takes. Nothing was changed.
    OutOfRange(OutOfRange),
    /// The socket is not TCP. Nothing was changed.
    NotTcp,
    /// The socket could not be read before setting, or is none. Nothing was changed.
    Read(SysError),
    /// The kernel refused a value that is within the range of its option.
    Refused {
        /// The call that failed.
        error: SysError,
        /// What had been set before and could not be put back. Empty: everything is as before,
        /// except that options which followed a sysctl now have its value as their own.
        left: Vec<Setting>,
    },
    /// Everything was set, but what the kernel holds could not be read back.
    ReadBack(SysError),
}

impl std::error::Error for ApplyError {}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange(error) => error.fmt(f),
            Self::NotTcp => f.write_str("not a TCP socket"),
            Self::Read(error) => error.fmt(f),
            Self::Refused { error, left } => write!(f, "{error}; {}", put_back(left)),
            Self::ReadBack(error) => write!(f, "set, but not read back: {error}"),
        }
    }
}

impl From<OutOfRange> for ApplyError {
    fn from(error: OutOfRange) -> Self {
        Self::OutOfRange(error)
    }
}

fn put_back(left: &[Setting]) -> String {
    if left.is_empty() {
        return "nothing was changed".to_owned();
    }
    let names: Vec<_> = left.iter().map(|setting| setting.name()).collect();
    format!("could not be put back: {}", names.join(", "))
}

/// As [`Apply::apply`], with what was in force before.
pub(crate) fn apply(
    options: &SocketOptions,
    fd: BorrowedFd<'_>,
) -> Result<(Effective, Applied), ApplyError> {
    apply_by(options, fd, |setting| sockopt::set(fd, setting))
}

fn apply_by(
    options: &SocketOptions,
    fd: BorrowedFd<'_>,
    set: impl Fn(Setting) -> Result<(), SysError>,
) -> Result<(Effective, Applied), ApplyError> {
    options.check()?;
    let lack = match sockopt::transport(fd).map_err(ApplyError::Read)? {
        Transport::Tcp => Lack::Kernel,
        Transport::Mptcp => Lack::Multipath,
        Transport::Other => return Err(ApplyError::NotTcp),
    };
    let before = sockopt::effective(fd).map_err(ApplyError::Read)?;
    let missing = set_all(options, &before, set)?;
    let effective = sockopt::effective(fd).map_err(ApplyError::ReadBack)?;
    let differences = options
        .settings()
        .filter(|asked| !missing.contains(asked))
        .filter_map(|asked| {
            let held = effective.held(asked.option)?;
            (held != asked).then_some(Difference { asked, held })
        })
        .collect();
    let unsupported = missing
        .into_iter()
        .map(|setting| Unsupported { setting, lack })
        .collect();
    let applied = Applied {
        effective,
        unsupported,
        differences,
    };
    Ok((before, applied))
}

/// Sets one option after the other. Returns those that the socket does not have; on any other
/// failure puts back what it has set, the last first.
fn set_all(
    options: &SocketOptions,
    before: &Effective,
    set: impl Fn(Setting) -> Result<(), SysError>,
) -> Result<Vec<Setting>, ApplyError> {
    let mut done = Vec::new();
    let mut missing = Vec::new();
    for setting in options.settings() {
        match set(setting) {
            Ok(()) => done.push(setting),
            // What is not there is as good as switched off.
            Err(error)
                if is_missing(error.errno) && before.held(setting.option) == Some(setting) => {}
            Err(error) if is_missing(error.errno) => missing.push(setting),
            Err(error) => {
                let left = done
                    .into_iter()
                    .rev()
                    .filter(|setting| {
                        let old = before.held(setting.option);
                        old.is_none_or(|old| set(old).is_err())
                    })
                    .collect();
                return Err(ApplyError::Refused { error, left });
            }
        }
    }
    Ok(missing)
}

/// On a TCP socket, these mean that it does not know the option (net/ipv4/tcp.c,
/// net/mptcp/sockopt.c).
fn is_missing(errno: Errno) -> bool {
    matches!(errno, Errno::NOPROTOOPT | Errno::OPNOTSUPP)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use deadpeer_core::{SocketOption, Sysctls};

    use super::*;

    fn everything() -> SocketOptions {
        SocketOptions {
            keepalive: Some(true),
            keepidle_s: Some(20),
            keepintvl_s: Some(1),
            keepcnt: Some(8),
            user_timeout_ms: Some(28_000),
            rto_max_ms: Some(5_000),
            ..SocketOptions::default()
        }
    }

    fn before() -> Effective {
        Effective::untouched(&Sysctls::DEFAULT)
    }

    /// Runs with a kernel that answers `refuse` with an errno, and logs what was set.
    fn run(
        refuse: impl Fn(Setting) -> Option<Errno>,
    ) -> (Result<Vec<Setting>, ApplyError>, Vec<Setting>) {
        let log = RefCell::new(Vec::new());
        let result = set_all(&everything(), &before(), |setting| match refuse(setting) {
            Some(errno) => Err(SysError {
                call: "setsockopt",
                errno,
            }),
            None => {
                log.borrow_mut().push(setting);
                Ok(())
            }
        });
        (result, log.into_inner())
    }

    #[test]
    fn keepalive_comes_first_and_keepidle_last() {
        let (missing, log) = run(|_| None);
        assert_eq!(missing, Ok(vec![]));
        assert_eq!(log.first(), Some(&Setting::new(SocketOption::Keepalive, 1)));
        assert_eq!(log.last(), Some(&Setting::new(SocketOption::Keepidle, 20)));
        assert_eq!(log.len(), 6);
    }

    #[test]
    fn an_option_that_is_missing_stops_nothing() {
        let (missing, log) =
            run(|s| (s.option == SocketOption::RtoMax).then_some(Errno::NOPROTOOPT));
        assert_eq!(missing, Ok(vec![Setting::new(SocketOption::RtoMax, 5_000)]));
        assert_eq!(log.last(), Some(&Setting::new(SocketOption::Keepidle, 20)));
    }

    #[test]
    fn an_option_that_is_missing_needs_no_switching_off() {
        let options = SocketOptions {
            user_timeout_ms: Some(0),
            ..SocketOptions::default()
        };
        let missing = set_all(&options, &before(), |_| {
            Err(SysError {
                call: "setsockopt",
                errno: Errno::NOPROTOOPT,
            })
        });
        assert_eq!(missing, Ok(vec![]));
    }

    #[test]
    fn a_refusal_puts_back_what_was_set_in_reverse() {
        let (result, log) = run(|s| (s.option == SocketOption::UserTimeout).then_some(Errno::PERM));
        let call = "setsockopt";
        let errno = Errno::PERM;
        let error = SysError { call, errno };
        assert_eq!(
            result,
            Err(ApplyError::Refused {
                error,
                left: vec![]
            })
        );
        assert_eq!(
            log[3..],
            [
                Setting::new(SocketOption::Keepcnt, 9),
                Setting::new(SocketOption::Keepintvl, 75),
                Setting::new(SocketOption::Keepalive, 0)
            ]
        );
        let text = result.unwrap_err().to_string();
        assert!(text.ends_with("nothing was changed"), "{text}");
    }

    #[test]
    fn what_cannot_be_put_back_is_named() {
        // The descriptor's kernel says no to the second option and to undoing the first.
        let (result, _) = run(|s| {
            (s.option == SocketOption::Keepintvl || s == Setting::new(SocketOption::Keepalive, 0))
                .then_some(Errno::BADF)
        });
        let ApplyError::Refused { left, .. } = result.clone().unwrap_err() else {
            panic!("{result:?}");
        };
        assert_eq!(left, [Setting::new(SocketOption::Keepalive, 1)]);
        let text = result.unwrap_err().to_string();
        assert!(
            text.ends_with("could not be put back: SO_KEEPALIVE"),
            "{text}"
        );
    }
}
