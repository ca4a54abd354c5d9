//! Which connections are meant, and what is to become of each.

use std::time::Duration;

use crate::ask::Reply;
use crate::target::{Risk, Target};

/// Which of the chosen connections are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Those whose peer has not been heard for this long.
    SilentFor(Duration),
    /// Those whose peer leaves everything unanswered: [`ATTEMPTS`](super::ATTEMPTS) questions in a
    /// row, ours or the kernel's own.
    Unreachable,
    /// All of them.
    AllMatching,
}

/// What is to become of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may go: nothing answers.
    Destroy {
        /// Questions that were not answered, ours and the kernel's own.
        unanswered: u32,
    },
    /// It may go although nobody could ask, or although its peer answers: forced.
    Forced(Reply),
    /// Its peer answered, or was heard, a moment ago.
    Alive(Reply),
    /// It is a part of a Multipath TCP connection that is alive by another part.
    AliveByAnother,
    /// Whether its peer is there could not be found out.
    Unknown(Reply),
    /// Its peer would be asked first, which may be at a risk.
    WouldAsk(Option<Risk>),
    /// The question ended it: the peer's kernel knew no such connection.
    EndedByQuestion,
    /// It ended by itself meanwhile.
    Over,
}

impl Decision {
    /// Whether the connection is to be destroyed.
    #[must_use]
    pub fn destroys(&self) -> bool {
        matches!(self, Self::Destroy { .. } | Self::Forced(_))
    }
}

impl Selection {
    /// Whether a connection is meant, as far as the table tells.
    #[must_use]
    pub fn means(&self, target: &Target) -> bool {
        match self {
            Self::SilentFor(time) => target.heard_ago.is_none_or(|ago| ago >= *time),
            Self::Unreachable | Self::AllMatching => true,
        }
    }
}
