//! What the daemon is told, as plain values.

use std::time::Duration;

use deadpeer_host::{Namespace, Selector};

use crate::event::{Mode, PolicyName};
use crate::readings::What;

/// What the daemon is told. The default has one policy, which observes everything.
#[derive(Debug, Clone)]
pub struct Config {
    /// How far apart sweeps are at most: deadlines may make them closer.
    pub sweep: Duration,
    /// When nothing is killed because so many fell silent.
    pub brake: Brake,
    /// Connections that are never changed, asked or killed, whatever a policy says.
    pub never: Vec<Selector>,
    /// The policies; the first that chooses a connection decides.
    pub policies: Vec<Policy>,
}

/// When it is taken to be us who are cut off, and not our peers who are gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Brake {
    /// More than this share of a service's far peers, or of the machine's, that fall silent within
    /// one deadline.
    pub share: f64,
    /// So many of them at least.
    pub peers: u32,
}

/// One policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// Which connections.
    pub selector: Selector,
    /// In one of these network namespaces; empty: wherever they are. One that is not there has
    /// none.
    pub netns: Vec<Namespace>,
    /// After how long a peer that is gone is noticed, and what an outage may take meanwhile.
    pub terms: deadpeer_core::Policy,
    /// Options with which the kernel keeps the deadline.
    pub protect: Mode,
    /// Asking and judging from outside.
    pub supervise: Mode,
    /// Destroying what has been judged unreachable.
    pub kill: Mode,
    /// So many are destroyed in a minute at most.
    pub kills_per_minute: u32,
    /// Programs that are run.
    pub hooks: Hooks,
}

/// Programs that are run, with their arguments, and the facts in their environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hooks {
    /// Before a connection is destroyed, which is not done if it fails.
    pub before_kill: Option<Vec<String>>,
    /// After one was destroyed.
    pub after_kill: Option<Vec<String>>,
}

pub(super) const SHORTEST_SWEEP: Duration = Duration::from_millis(500);
const SWEEP: Duration = Duration::from_secs(10);
pub(super) const KILLS_PER_MINUTE: u32 = 60;
/// The deadline where nobody has given one.
const DEADLINE: Duration = Duration::from_secs(30);
pub(super) const SURVIVE_LOST: u32 = 2;

impl Default for Brake {
    fn default() -> Self {
        Self {
            share: 1.0 / 3.0,
            peers: 3,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sweep: SWEEP,
            brake: Brake::default(),
            never: Vec::new(),
            policies: vec![Policy {
                name: "default".into(),
                selector: Selector::default(),
                netns: Vec::new(),
                terms: deadpeer_core::Policy::detect_within(DEADLINE)
                    .survive_lost_probes(SURVIVE_LOST),
                protect: Mode::Observe,
                supervise: Mode::Observe,
                kill: Mode::Observe,
                kills_per_minute: KILLS_PER_MINUTE,
                hooks: Hooks::default(),
            }],
        }
    }
}

impl Config {
    /// The same, but nothing is changed or destroyed.
    #[must_use]
    pub fn observing(mut self) -> Self {
        for policy in &mut self.policies {
            for mode in [&mut policy.protect, &mut policy.supervise, &mut policy.kill] {
                *mode = (*mode).min(Mode::Observe);
            }
        }
        self
    }

    /// How far apart sweeps are: a deadline by which connections are destroyed has six of them at
    /// least. So has one by which they would be, of peers that are asked: whoever observes is to be
    /// told what enforcing does, and that depends on when it looks.
    #[must_use]
    pub fn interval(&self) -> Duration {
        let destroy = self.policies.iter();
        let destroy = destroy.filter(|policy| match policy.kill {
            Mode::Off => false,
            Mode::Observe => policy.supervise == Mode::Enforce,
            Mode::Enforce => true,
        });
        let shortest = destroy.map(Policy::deadline).min();
        let sixth = shortest.map_or(self.sweep, |shortest| shortest / 6);
        self.sweep.min(sixth).max(SHORTEST_SWEEP)
    }

    /// The shortest deadline of a policy.
    #[must_use]
    pub fn shortest_deadline(&self) -> Duration {
        let deadlines = self.policies.iter().map(Policy::deadline);
        deadlines.min().unwrap_or(Duration::MAX)
    }
}

impl Policy {
    /// After how long a peer that is gone is noticed.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.terms.within()
    }

    /// What it sets on connections that are open: one of both at most.
    #[must_use]
    pub fn sets(&self) -> Option<What> {
        match (self.protect, self.supervise) {
            (Mode::Enforce, _) => Some(What::Protect),
            (_, Mode::Enforce) => Some(What::Supervise),
            _ => None,
        }
    }
}
