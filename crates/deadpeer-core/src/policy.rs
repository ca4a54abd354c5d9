//! From one deadline to the socket options that keep it.

mod plan;
mod refusal;
mod search;
mod timers;

pub use plan::{Plan, SysctlSettings};
pub use refusal::{Reason, Refusal, Relaxation};

use std::time::Duration;

use crate::forecast::Silence;
use crate::kernel::Kernel;
use crate::options::Effective;
use search::Search;

/// The longest deadline a policy takes: the kernel's clocks tell weeks, not more.
pub const LONGEST_DEADLINE: Duration = Duration::from_secs(7 * 86_400);

/// Whether a live peer that does not read (zero window) may be dropped with the dead ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SlowReaders {
    /// Never: no user timeout, which kills a closed window even if the peer answers every probe.
    /// Needs `TCP_RTO_MAX_MS` (Linux 6.15) or a small `tcp_retries2` for short deadlines.
    #[default]
    Keep,
    /// They may go: a user timeout bounds data in flight on every kernel.
    Drop,
}

/// What a user asks for: one deadline, and how sure the verdict must be.
///
/// ```
/// use std::time::Duration;
/// use deadpeer_core::{Kernel, Policy};
///
/// let plan = Policy::detect_within(Duration::from_secs(60)).plan(&Kernel::modern(Some(250)))?;
/// assert!(plan.forecast().idle.worst.meets(Duration::from_secs(60)));
/// # Ok::<(), deadpeer_core::Refusal>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    within: Duration,
    survive_lost_probes: u32,
    slow_readers: SlowReaders,
    path_rto: Duration,
    after_close: Duration,
    middlebox: Option<Duration>,
    sysctls: bool,
    excepted: [bool; Silence::ALL.len()],
}

impl Policy {
    /// A peer that vanished is noticed within `deadline`, in every state of the connection.
    #[must_use]
    pub fn detect_within(deadline: Duration) -> Self {
        Self {
            within: deadline,
            // RFC 1122, section 4.2.3.6: a lost probe must not be taken for death. Two lost in a
            // row are a common burst.
            survive_lost_probes: 2,
            slow_readers: SlowReaders::Keep,
            // RFC 6298, section 2.1: what TCP assumes of a path it has not measured.
            path_rto: Duration::from_secs(1),
            after_close: Duration::ZERO,
            middlebox: None,
            sysctls: false,
            excepted: [false; Silence::ALL.len()],
        }
    }

    /// At least `n` keepalive probes in a row may be lost; 2 unless set.
    #[must_use]
    pub fn survive_lost_probes(mut self, n: u32) -> Self {
        self.survive_lost_probes = n;
        self
    }

    /// Whether a live peer that does not read may be dropped; [`SlowReaders::Keep`] unless set.
    #[must_use]
    pub fn slow_readers(mut self, slow_readers: SlowReaders) -> Self {
        self.slow_readers = slow_readers;
        self
    }

    /// What is written just before close() arrives though the path breaks then, if it mends within
    /// `outage`; zero unless set.
    ///
    /// The cap of the RTO that makes the kernel notice in time also makes it give up sooner what is
    /// still on its way when the program has closed ([`AfterClose`](crate::forecast::AfterClose)).
    /// The gentlest options that keep the deadline are chosen in any case; this asks for gentler
    /// ones at the cost of probes.
    #[must_use]
    pub fn after_close(mut self, outage: Duration) -> Self {
        self.after_close = outage;
        self
    }

    /// A box in the path forgets connections that have been silent for `limit`: an idle one is to
    /// be probed before that, while the peer answers; none unless set.
    #[must_use]
    pub fn middlebox(mut self, limit: Duration) -> Self {
        self.middlebox = Some(limit);
        self
    }

    /// Whether the plan may set sysctls of the network namespace as well as options of the socket;
    /// not unless set.
    ///
    /// `tcp_retries2` does for every connection of the namespace what `TCP_RTO_MAX_MS` does for
    /// one, on every kernel. It takes root to set it, and [`Plan::sysctls`] says what is to be set.
    #[must_use]
    pub fn sysctls(mut self, may: bool) -> Self {
        self.sysctls = may;
        self
    }

    /// The largest retransmission timeout for which the promise must hold; 1 s unless set.
    ///
    /// Linux retransmits at round trip plus four deviations, at least 200 ms: 1 s covers round
    /// trips up to about 800 ms. The promise holds for every smaller one too, and one of these may
    /// be the worst.
    #[must_use]
    pub fn path_rto(mut self, rto: Duration) -> Self {
        self.path_rto = rto;
        self
    }

    /// Does not promise the deadline for this kind of silence.
    #[must_use]
    pub fn except(mut self, silence: Silence) -> Self {
        self.excepted[silence as usize] = true;
        self
    }

    /// The same policy with another deadline.
    #[must_use]
    pub fn detect_in(mut self, deadline: Duration) -> Self {
        self.within = deadline;
        self
    }

    /// The lost probes that must be survivable.
    #[must_use]
    pub fn survives(&self) -> u32 {
        self.survive_lost_probes
    }

    /// Whether a live peer that does not read is kept.
    #[must_use]
    pub fn keeps_slow_readers(&self) -> bool {
        self.slow_readers == SlowReaders::Keep
    }

    /// The outage that what is written just before close() must survive.
    #[must_use]
    pub fn outage_after_close(&self) -> Duration {
        self.after_close
    }

    /// After how much silence a box in the path forgets connections.
    #[must_use]
    pub fn middlebox_limit(&self) -> Option<Duration> {
        self.middlebox
    }

    /// Whether a connection with these settings that is idle is heard by the middlebox before that
    /// forgets it, however late the kernel's timers are.
    #[must_use]
    pub fn passes_middlebox(&self, options: &Effective, kernel: &Kernel) -> bool {
        let silence_s = options.keepidle_s.max(options.keepintvl_s);
        self.middlebox.is_none_or(|limit| {
            options.keepalive && timers::fires_within(silence_s, kernel) < limit
        })
    }

    /// The largest retransmission timeout for which the promise must hold.
    #[must_use]
    pub fn largest_path_rto(&self) -> Duration {
        self.path_rto
    }

    /// The deadline.
    #[must_use]
    pub fn within(&self) -> Duration {
        self.within
    }

    /// Whether the deadline is promised for this kind of silence.
    #[must_use]
    pub fn promises(&self, silence: Silence) -> bool {
        !self.excepted[silence as usize]
    }

    /// The options that keep the deadline on this kernel: a long idle time and a short interval, so
    /// that few packets flow while the peer answers and a burst when it doesn't.
    ///
    /// # Errors
    /// [`Refusal`] where no options keep it: which kind of silence stands against it, and what
    /// could be kept.
    pub fn plan(&self, kernel: &Kernel) -> Result<Plan, Refusal> {
        let search = Search::new(self, kernel);
        search
            .plan(self)
            .ok_or_else(|| Refusal::explain(self, &search))
    }
}
