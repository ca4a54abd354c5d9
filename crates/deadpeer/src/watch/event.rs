//! What a watch has to tell.

use deadpeer_core::Verdict;

use crate::Death;

/// Something that happened to a watched connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The key that its socket was added with.
    pub key: u64,
    /// What happened.
    pub news: News,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// The connection is over. The watch has forgotten the socket; it is the owner's to close.
    Died(Death),
    /// The verdict on a supervised connection changed: it is unreachable, or stalled, or neither
    /// any more. The watch goes on.
    Judged(Verdict),
    /// The descriptor that was added is closed, but the connection goes on under another one, where
    /// the watch can't follow: in another process, or in this one if that was added, too. The watch
    /// has forgotten it. While this process has a duplicate that wasn't added, it is watched there,
    /// and nothing is told.
    Lost,
}

impl News {
    /// Whether the peer is gone: the connection is over, or its peer unreachable. In both cases the
    /// socket is the owner's to close.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::Died(_) | Self::Judged(Verdict::Unreachable { .. })
        )
    }

    /// Whether a new verdict is worth telling. Whether the last answer is still out is not.
    pub(super) fn of_change(before: Verdict, after: Verdict) -> Option<Self> {
        let (was, is) = (Matter::of(before), Matter::of(after));
        (is.is_some() && was != is).then_some(Self::Judged(after))
    }
}

/// What a verdict comes to for the owner of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    Fine,
    Stalled,
    Unreachable,
}

impl Matter {
    /// `None`: nothing is known now, or somebody else tells it.
    fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Alive { .. } | Verdict::PeerFinished => Some(Self::Fine),
            Verdict::Stalled { .. } => Some(Self::Stalled),
            Verdict::Unreachable { .. } => Some(Self::Unreachable),
            Verdict::Unknown { .. }
            | Verdict::ApplicationSilent { .. }
            | Verdict::Closed { .. }
            | _ => None,
        }
    }
}
