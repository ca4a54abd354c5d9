//! What a method notices.

use deadpeer_sys::Errno;
use serde::Serialize;

/// By what a method noticed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Signal {
    /// What it says about the peer.
    pub kind: Kind,
    /// What was seen, in the words of the interface: `ETIMEDOUT`, `RDHUP`, `CLOSE_WAIT`.
    pub words: String,
}

/// What a signal says about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It has ended its half: an end of stream.
    EndOfStream,
    /// The connection is dead.
    Dead,
    /// The peer's application is silent.
    ApplicationSilent,
}

impl Signal {
    pub(crate) fn end_of_stream(words: impl Into<String>) -> Self {
        Self {
            kind: Kind::EndOfStream,
            words: words.into(),
        }
    }

    pub(crate) fn dead(words: impl Into<String>) -> Self {
        Self {
            kind: Kind::Dead,
            words: words.into(),
        }
    }

    pub(crate) fn silent(words: impl Into<String>) -> Self {
        Self {
            kind: Kind::ApplicationSilent,
            words: words.into(),
        }
    }

    pub(crate) fn errno(call: &str, errno: Errno) -> Self {
        Self::dead(format!("{call} {}", name(errno)))
    }
}

/// The name of an errno that ends connections, or its number.
pub(crate) fn name(errno: Errno) -> String {
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
