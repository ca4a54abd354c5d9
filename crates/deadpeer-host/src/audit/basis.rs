//! Which settings a connection is judged by.

use deadpeer_core::Effective;

use crate::table::{Connection, Settings, Unreadable};

/// Where a connection's settings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Read from the socket.
    Read(Effective),
    /// It waits in a listener's queue: the settings it will have got from there.
    Inherited(Effective),
    /// Not read, for this reason; `None`: not asked for.
    Unread(Option<Unreadable>),
    /// No process holds it: nobody can hang on it, and the kernel ends it by itself.
    Nobody,
}

impl Basis {
    /// What this connection is judged by; `listener` is what its listener has set, if it has one.
    #[must_use]
    pub fn of(connection: &Connection<'_>, listener: Option<&Effective>) -> Self {
        let socket = connection.socket;
        let queued = socket.state.may_send();
        match (connection.settings, listener) {
            _ if socket.inode.is_none() && !queued => return Self::Nobody,
            // Nobody has accepted it yet: only the kernel itself tells more than its listener.
            (Settings::Unknown(Unreadable::NoDescriptor), Some(options)) => {
                return Self::Inherited(*options);
            }
            _ => {}
        }
        match connection.settings {
            Settings::Known(options) => Self::Read(options),
            Settings::Unknown(why) => Self::Unread(Some(why)),
            Settings::NotAsked => Self::Unread(None),
        }
    }

    /// The options, where they are known.
    #[must_use]
    pub fn options(&self) -> Option<&Effective> {
        match self {
            Self::Read(options) | Self::Inherited(options) => Some(options),
            Self::Unread(_) | Self::Nobody => None,
        }
    }
}
