//! Asking the peers of other processes' connections whether they are still there.

mod observing;
mod part;
mod questions;

use deadpeer::{Answer, NotNow, SocketError};

pub use questions::Questions;

use crate::table::Unreadable;
use crate::target::{ByKernel, Risk};

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The question was put, or need not be.
    Answer(Answer),
    /// In its state the kernel itself asks, or nobody any more.
    ByKernel(ByKernel),
    /// Not asked: the question could end it, and no leave was given.
    Withheld(Risk),
    /// Not asked: nothing was to be sent.
    NotSent,
    /// The connection can't be reached: not permitted, or no process holds it.
    Unreachable(Unreadable),
    /// The kernel refused.
    Failed(SocketError),
}

impl Reply {
    /// Questions of the kernel itself that nobody has answered: its retransmissions and probes.
    /// `None`: it asks nothing.
    #[must_use]
    pub fn open_questions(&self) -> Option<u32> {
        match self {
            Self::Answer(Answer::NotNow(
                NotNow::InFlight { unanswered }
                | NotNow::Queued { unanswered }
                | NotNow::KernelAsks { unanswered }
                | NotNow::JustAsked { unanswered }
                | NotNow::LastProbe { unanswered },
            )) => Some(*unanswered),
            Self::ByKernel(kernel) => kernel.unanswered,
            Self::Answer(_)
            | Self::Withheld(_)
            | Self::NotSent
            | Self::Unreachable(_)
            | Self::Failed(_) => None,
        }
    }
}
