//! How things stand, as plain values: for metrics, a status and a page.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use deadpeer_core::Silence;
use deadpeer_host::Role;
use deadpeer_host::deaths::ServiceName;

use crate::event::{KillResult, Mode, PolicyName, WhySpared};

/// How things stand after a sweep. Counts never go back; they begin at 0 with the daemon.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    /// Each service, as the last sweep found it that read settings.
    pub services: Vec<ServiceReading>,
    /// Peers that were looked at because they had to answer something, by what they did.
    pub questions: BTreeMap<(ServiceName, QuestionResult), u64>,
    /// Connections destroyed, or that would have been.
    pub kills: BTreeMap<(PolicyName, Mode, KillResult), u64>,
    /// Connections let live although their peers seemed gone.
    pub spared: BTreeMap<(PolicyName, WhySpared), u64>,
    /// Sockets whose options were changed.
    pub changes: BTreeMap<(PolicyName, What), u64>,
    /// Sockets whose programs had set back what we had set.
    pub overwritten: BTreeMap<ServiceName, u64>,
    /// Deaths that came faster than we could read them; `None`: the kernel doesn't tell.
    pub deaths_lost: Option<u64>,
    /// The last sweep.
    pub swept: Swept,
    /// Why nothing is killed now; empty: nothing holds.
    pub holding: Vec<Holding>,
    /// The configuration.
    pub configured: Configured,
    /// The capabilities that guarding takes, and whether we have each.
    pub capabilities: Vec<(&'static str, bool)>,
    /// Whether sockets are read and deaths are heard by eBPF, all of them.
    pub ebpf: bool,
    /// What it lacks, and what that costs, a sentence each.
    pub lacks: Vec<String>,
    /// For each policy that supervises, its deadline, and when a peer that vanishes behind a closed
    /// window is destroyed at the latest.
    pub closed_windows: Vec<(PolicyName, Duration, Duration)>,
}

/// A service: the connections of the processes with one name that play one role in one network
/// namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceReading {
    /// Which.
    pub service: ServiceName,
    /// Its connections that a policy means, by how they are protected.
    pub connections: BTreeMap<Protection, u64>,
    /// When a vanished peer would be noticed by the kernel on the worst of them, for each kind of
    /// silence where that is known; those that are supervised aside.
    pub notice: BTreeMap<Silence, Noticed>,
}

/// Whether a connection keeps the deadline of its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protection {
    /// By its settings, whatever happens to us.
    Kept,
    /// By us, or by its program with this library, who ask and judge.
    Supervised,
    /// Not.
    Missed,
    /// Its settings could not be read.
    Unknown,
}

impl Protection {
    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Supervised => "supervised",
            Self::Missed => "missed",
            Self::Unknown => "unknown",
        }
    }
}

/// When a vanished peer would be noticed, the worse the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Noticed {
    /// By then.
    By(Duration),
    /// Never.
    Never,
}

impl ServiceReading {
    /// Who began its connections, as a word for programs.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        match self.service.role {
            Role::Outgoing(_) => "outgoing",
            Role::Listening(_) | Role::Accepted(_) => "accepted",
        }
    }
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuestionResult {
    /// The peer answered after all.
    Answered,
    /// It left so many unanswered, for so long, that it is taken for gone.
    Unanswered,
}

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// Options with which the kernel keeps the deadline.
    Protect,
    /// Options with which the kernel asks, and lets us judge.
    Supervise,
    /// The same as [`Protect`](Self::Protect), by a rule in the kernel as connections begin.
    NewConnections,
}

impl What {
    /// As a log writes it, once it was done.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Protect => "options were set with which the kernel keeps the deadline",
            Self::Supervise => "options were set with which the kernel asks",
            Self::NewConnections => "options are set as connections begin",
        }
    }
}

/// One look at all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many there have been.
    pub sweeps: u64,
    /// When the last was over.
    pub at: Option<SystemTime>,
    /// How long it took.
    pub took: Duration,
    /// How long after its beginning the next one comes.
    pub apart: Duration,
    /// Connections that it saw.
    pub connections: u64,
    /// Those of them whose peers have a question open.
    pub asked: u64,
    /// Network namespaces that are guarded.
    pub namespaces: u64,
    /// Those that are meant and could not be entered.
    pub namespaces_closed: u64,
    /// Sweeps that failed.
    pub failed: u64,
}

/// Nothing is killed, for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Which.
    pub reason: HoldReason,
    /// The service it is about.
    pub service: Option<ServiceName>,
    /// The network namespace it is about; `None`, and no service: the machine.
    pub netns: Option<u64>,
    /// Since when.
    pub since: SystemTime,
}

/// Why nothing is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldReason {
    /// So many peers fell silent at once that it may well be us.
    ManySilent,
    /// A link, a route or an address of ours went.
    Network,
    /// The machine slept, or its clock jumped.
    Slept,
    /// Somebody said so.
    Asked,
}

impl HoldReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ManySilent, Self::Network, Self::Slept, Self::Asked];
}

/// The configuration in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Configured {
    /// Whether what was read last is in force; `false`: it was wrong, and the one before still is.
    pub last_reload_ok: bool,
    /// When it was taken over.
    pub since: Option<SystemTime>,
    /// Policies in it.
    pub policies: usize,
}
