//! Sockets that could not be reached, why, and what to do about it.

use std::fmt;

/// Why the options of a socket could not be read, or its peer not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unreadable {
    /// The owner is somebody else's process, or may not be traced: pidfd_getfd(2) takes root's
    /// rights (`CAP_SYS_PTRACE`), or the same user and a process that allows it.
    NotPermitted,
    /// No process that we may look into holds the socket, so somebody else's does, or the kernel
    /// itself.
    NoVisibleOwner,
    /// No process holds the socket: it waits in a listener's queue, or its descriptor is closed.
    NoDescriptor,
    /// It was closed, or its owner ended, while we looked.
    Gone,
    /// It is a part of a Multipath TCP connection, whose descriptor stands for all of its parts.
    Multipath,
    /// The kernel has no pidfd_getfd(2) (Linux 5.6).
    KernelTooOld,
    /// As many files are open as this process may have, or the machine (`RLIMIT_NOFILE`,
    /// `fs.file-max`).
    TooManyFiles,
    /// The kernel refused for another reason.
    Refused,
}

impl Unreadable {
    /// The reason in a few words: "not permitted".
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotPermitted => "not permitted",
            Self::NoVisibleOwner => "owner not visible",
            Self::NoDescriptor => "no descriptor",
            Self::Gone => "gone meanwhile",
            Self::Multipath => "Multipath TCP",
            Self::KernelTooOld => "needs Linux 5.6",
            Self::TooManyFiles => "too many open files (ulimit -n)",
            Self::Refused => "refused by the kernel",
        }
    }
}

/// Sockets that could not be reached, all for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// How many.
    pub sockets: u64,
    /// Why.
    pub why: Unreadable,
    /// The users whose they are: names, or numbers where there is none.
    pub users: Vec<String>,
}

/// With whose rights this runs, and so what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Root.
    Root,
    /// Anybody else.
    Unprivileged,
}

/// The reason, and what to do.
pub(super) struct Because<'a>(pub(super) &'a Unreached, pub(super) Privilege);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(unreached, privilege) = self;
        f.write_str(unreached.why.reason())?;
        match (unreached.why, privilege) {
            (Unreadable::NotPermitted, Privilege::Root) => f.write_str(
                "; this needs CAP_SYS_PTRACE, and no security module that forbids it",
            ),
            (Unreadable::NotPermitted | Unreadable::NoVisibleOwner, Privilege::Unprivileged) => {
                match unreached.users.as_slice() {
                    [user] if user != "root" => write!(f, "; run as root or as user {user}"),
                    [_] => f.write_str("; run as root"),
                    users => write!(
                        f,
                        "; run as root, or as each of the users {}",
                        users.join(", ")
                    ),
                }
            }
            (Unreadable::NoVisibleOwner, Privilege::Root) => f.write_str(
                "; they belong to the kernel, to a process that only CAP_SYS_PTRACE can inspect, or to one outside this PID namespace",
            ),
            (Unreadable::NoDescriptor, _) => {
                f.write_str("; they are waiting in the queue of a listener whose settings are unknown too")
            }
            _ => Ok(()),
        }
    }
}
