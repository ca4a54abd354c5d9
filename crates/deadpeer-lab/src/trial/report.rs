//! What a trial found.

use std::net::SocketAddr;
use std::time::Duration;

use deadpeer_core::{Effective, Kernel, Notice};

use super::{By, Case};

/// The outcome of every case.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// Where the clients reached the server.
    pub address: SocketAddr,
    /// The kernel, with the sysctls that the server ran with.
    pub kernel: Kernel,
    /// The outcomes, in the order of [`Case::all`], and one for each state that was not tried.
    pub outcomes: Vec<Outcome>,
    /// Whether it ended early; the cases that were not over are unclear.
    pub interrupted: bool,
    /// How long the whole trial took.
    pub took: Duration,
}

/// What came of one case.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The case.
    pub case: Case,
    /// Whether the server did right.
    pub verdict: CaseVerdict,
    /// Connections that were watched.
    pub connections: usize,
    /// The settings in force on the first of them; `None` where they could not be read.
    pub settings: Option<Effective>,
    /// When, with these settings, the kernel gives up a vanished client in this state; in the worst
    /// case.
    pub forecast: Option<Notice>,
    /// How long it took, from the first connect on.
    pub took: Duration,
}

/// Whether the server did right by the clients of a case.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CaseVerdict {
    /// It did.
    Passed {
        /// When the last connection was closed, after the fault; `None`: none was, and none should
        /// have been.
        after: Option<Duration>,
        /// By what, where one was.
        by: Option<By>,
    },
    /// It did not.
    Failed(Failure),
    /// It cannot be told.
    Unclear {
        /// Why not.
        why: String,
    },
    /// It was not tried, and what its settings promise is no failure: in time, or not asked for.
    Foretold,
    /// The server cannot be brought into this state, which nobody had asked for by name.
    Skipped {
        /// Why not.
        why: String,
    },
}

/// What a server did wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Failure {
    /// Connections to vanished clients stood when the deadline was over.
    NotNoticed {
        /// How many of them.
        connections: usize,
    },
    /// The kernel gave connections up, but the server still held their descriptors when the
    /// deadline was over.
    Kept {
        /// How many of them.
        connections: usize,
        /// When the kernel gave the first of them up.
        after: Duration,
    },
    /// The clients said goodbye by FIN, and the server had not closed when the deadline was over.
    NotClosed {
        /// How many of them.
        connections: usize,
    },
    /// It was not tried, and by the settings of its sockets the server would hang.
    Foretold,
    /// By the settings of its sockets, a middlebox in the path would forget idle connections.
    Forgotten {
        /// The middlebox's idle limit.
        limit: Duration,
    },
    /// A live client was dropped.
    Dropped {
        /// When the first was.
        after: Duration,
        /// By whom.
        by: By,
    },
}

impl Outcome {
    /// Whether there was such a case, rather than settings that say what would come of it.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        !matches!(self.case, Case::Untried(_) | Case::Middlebox)
    }
}

impl Report {
    /// Whether a case failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.any(|verdict| matches!(verdict, CaseVerdict::Failed(_)))
    }

    /// Whether the answer is open: a case is unclear, or no client could be made to vanish at all.
    #[must_use]
    pub fn unclear(&self) -> bool {
        let vanished = self.outcomes.iter().any(|outcome| {
            matches!(outcome.case, Case::Vanish { .. })
                && matches!(outcome.verdict, CaseVerdict::Passed { .. })
        });
        !vanished || self.any(|verdict| matches!(verdict, CaseVerdict::Unclear { .. }))
    }

    fn any(&self, is: impl Fn(&CaseVerdict) -> bool) -> bool {
        self.outcomes.iter().any(|outcome| is(&outcome.verdict))
    }
}
