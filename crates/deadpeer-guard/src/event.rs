//! What happened to a connection: a value for whoever remembers it or writes it down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deadpeer_host::Workload;
use deadpeer_host::deaths::{Death, ServiceName};

use crate::silences::Survived;

/// The name of a policy, as its configuration gives it.
pub type PolicyName = Arc<str>;

/// How far a policy goes in one of the things that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Mode {
    /// Not at all.
    Off,
    /// It judges and tells, and changes nothing.
    #[default]
    Observe,
    /// It acts.
    Enforce,
}

impl Mode {
    /// As a configuration and a log write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }

    /// The one with a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Off, Self::Observe, Self::Enforce].into_iter();
        all.find(|mode| mode.name() == name)
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A connection died, of whatever.
    Died(Box<Died>),
    /// A connection whose peer seems gone was destroyed, would have been, or was let live. Its
    /// death, if it was destroyed, follows as [`Event::Died`].
    Judged(Box<Judged>),
    /// A peer that had been silent for long gave a sign of life.
    Survived(Survived),
}

/// A connection that died.
#[derive(Debug, Clone)]
pub struct Died {
    /// What the host knows of it: cause, owner, silence, age, bytes, the setting that decided, who
    /// destroyed it.
    pub death: Death,
    /// The number of its network namespace, where that is known.
    pub namespace: Option<u64>,
    /// The first policy that chose it; `None`: none did, or it came and went unseen.
    pub policy: Option<PolicyName>,
    /// Whether it was we who destroyed it.
    pub by_guard: bool,
}

impl Died {
    /// One of which nothing else is known.
    #[must_use]
    pub fn new(death: Death) -> Self {
        Self {
            death,
            namespace: None,
            policy: None,
            by_guard: false,
        }
    }
}

/// Which connection it is, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The number that no other socket of this boot has.
    #[doc(alias = "SO_COOKIE")]
    pub cookie: u64,
    /// Our end.
    pub local: SocketAddr,
    /// The peer.
    pub peer: SocketAddr,
    /// The service it belongs to: the process and what the connection is to it.
    pub service: ServiceName,
    /// The process that holds it, as far as we may see.
    pub pid: Option<u32>,
    /// The number of its network namespace.
    pub namespace: u64,
    /// What its process belongs to: its container, its pod, its unit.
    pub workload: Option<Arc<Workload>>,
    /// The policy that chose it.
    pub policy: PolicyName,
}

/// Why a peer is taken for gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// How long nothing had been heard of it.
    pub silence: Duration,
    /// Questions in a row that it had not answered.
    pub unanswered: u32,
    /// So many had to go unanswered, at the loss measured on this connection and on others to its
    /// peer.
    pub needed: u32,
    /// The share of questions that fail on this path, as measured.
    pub failing: f64,
}

/// A connection whose peer left everything unanswered for the deadline.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// When what was done about it was over.
    pub at: SystemTime,
    /// Which connection.
    pub subject: Subject,
    /// What speaks against it.
    pub evidence: Evidence,
    /// What came of it.
    pub sentence: Sentence,
}

/// What was done about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sentence {
    /// It was destroyed, or would have been.
    Killed(KillResult),
    /// It was let live.
    Spared(WhySpared),
}

/// What came of a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KillResult {
    /// It is gone from the kernel's table: looked at afterwards.
    Destroyed,
    /// The policy observes: nothing was done.
    WouldDestroy,
    /// It had ended by itself when its turn came.
    Gone,
    /// The kernel refused, or still shows it.
    Failed,
}

/// Why a connection was let live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WhySpared {
    /// The brake holds: it may well be us.
    Holding,
    /// The policy has destroyed as many as it may in a minute.
    RateLimit,
    /// It is ours, our supervisor's, or the one of who reads our metrics.
    OurOwn,
    /// The peer answered when it was looked at a last time.
    Answered,
    /// The program that is run before a kill did not agree.
    Hook,
    /// Its program has closed it, and this kernel keeps for good what of such it is to destroy
    /// ([`Destroyed::spared`](deadpeer_host::kill::Destroyed::spared)): it gives it up by itself.
    LeftToKernel,
}

impl WhySpared {
    /// As a log writes it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Holding => "let live: the guard holds",
            Self::RateLimit => "let live: as many as allowed were destroyed within a minute",
            Self::OurOwn => "let live: it must never be touched",
            Self::Answered => "let live: its peer has answered",
            Self::Hook => "let live: its before-kill program did not agree",
            Self::LeftToKernel => {
                "let live: its program has closed it, and this kernel gives it up by itself, but keeps for good what is destroyed"
            }
        }
    }
}

impl Subject {
    /// The container that it runs in, as people call it.
    #[must_use]
    pub fn container(&self) -> Option<String> {
        let workload = self.workload.as_ref()?;
        workload.is_contained().then(|| workload.to_string())
    }
}

impl KillResult {
    /// As a log writes it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::WouldDestroy => "would destroy",
            Self::Gone => "ended by itself",
            Self::Failed => "could not be destroyed",
        }
    }
}
