//! What is to hold, and what has to be set on one socket so that it does.

use std::time::Duration;

use deadpeer_core::{
    Effective, Forecast, Kernel, Plan, Policy, Refusal, Setting, Silence, SlowReaders, Snapshot,
    SocketOptions, TcpState,
};

use crate::undo::{Journal, Ours, Sysctl, SysctlChange};

/// A deadline to bring connections under.
///
/// Nothing is ever loosened: no change makes any kind of silence last longer than before, or fewer
/// lost probes survivable than the policy asks for. Of what an application set itself, that part
/// stays which serves the deadline.
#[derive(Debug, Clone)]
pub struct Aim {
    /// As it is.
    kernel: Kernel,
    /// With the plan's sysctls.
    with_sysctls: Kernel,
    plan: Plan,
    /// For sockets whose application has a user timeout, and so drops slow readers already: with a
    /// user timeout too, the most generous first.
    dropping: Vec<SocketOptions>,
    untouched: Effective,
    keep_app_settings: bool,
    close_wait: bool,
    /// What we have changed.
    ours: Ours,
}

/// What is to be done with a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The deadline is kept already.
    Fine,
    /// Set these options.
    Change(Change),
    /// The deadline is missed by the application's own choice, which is to be kept.
    KeptForApplication,
    /// Nothing that could be set would help without loosening something else: a user timeout that
    /// is too short for keepalive to survive lost probes.
    Helpless,
    /// A listener whose program sets the options of what it accepts, so that nothing set here would
    /// help.
    Overwritten,
}

/// Options to set on a socket, and what they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Change {
    /// What to set; nothing else is touched.
    pub options: SocketOptions,
    /// What is in force afterwards.
    pub after: Effective,
    /// Whether the application had set something itself, which missed the deadline.
    pub own_choice: bool,
    /// Whether the deadline is kept afterwards. Not on a path whose retransmission timeout is
    /// longer than the policy allows for.
    pub keeps: bool,
}

impl Aim {
    /// What the policy takes on this kernel.
    ///
    /// # Errors
    /// No options keep the policy's deadline.
    pub fn new(policy: &Policy, kernel: &Kernel) -> Result<Self, Refusal> {
        let plan = policy.plan(kernel)?;
        let then = plan.sysctls().on(kernel);
        Ok(Self {
            kernel: *kernel,
            with_sysctls: then,
            plan,
            dropping: dropping(policy, &then),
            untouched: Effective::untouched(&then.sysctls),
            keep_app_settings: false,
            close_wait: false,
            ours: Ours::default(),
        })
    }

    /// Whether to leave alone what an application chose itself, even if it misses the deadline.
    #[must_use]
    pub fn keep_app_settings(mut self, keep: bool) -> Self {
        self.keep_app_settings = keep;
        self
    }

    /// Whether to change connections whose peer has closed, too (CLOSE_WAIT). A probe on one that
    /// its program has forgotten to close draws an RST and ends it, so that the leak no longer
    /// shows.
    #[must_use]
    pub fn close_wait(mut self, change: bool) -> Self {
        self.close_wait = change;
        self
    }

    pub(super) fn changes_close_wait(&self) -> bool {
        self.close_wait
    }

    /// What earlier records know of sockets: what we have set is no sign that their programs set
    /// something.
    #[must_use]
    pub fn knowing(mut self, journal: &Journal) -> Self {
        self.ours = journal.ours();
        self
    }

    /// What a socket would have without us.
    pub(super) fn by_program(&self, cookie: u64, now: &Effective) -> Effective {
        self.ours.without(cookie, now).0
    }

    /// As [`is_own_choice`](Self::is_own_choice), of a socket that we may have changed.
    pub(super) fn is_choice_of_program(&self, cookie: u64, now: &Effective) -> bool {
        let (theirs, overtaken) = self.ours.without(cookie, now);
        overtaken || self.is_own_choice(&theirs)
    }

    /// The options for a socket on which nobody has set anything.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The sysctl that the plan needs besides, for everybody in the namespace; `None` unless the
    /// policy allows one.
    #[must_use]
    pub fn sysctl(&self) -> Option<SysctlChange> {
        Some(SysctlChange {
            sysctl: Sysctl::Retries2,
            before: self.kernel.sysctls.retries2,
            after: self.plan.sysctls().retries2?,
        })
    }

    /// The kernel as it is.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Options with a user timeout that keep the deadline, the most generous first.
    pub(super) fn dropping(&self) -> impl Iterator<Item = &SocketOptions> {
        self.dropping.iter()
    }

    /// What these options promise of every connection that the policy speaks of.
    pub(super) fn promised(&self, options: &SocketOptions) -> Forecast {
        let settings = options.resolve(&self.with_sysctls.sysctls);
        let capped = options
            .rto_max_ms
            .map(|ms| Duration::from_millis(ms.into()));
        let rto = self.plan.assumed_rto().or(capped).unwrap_or_default();
        Forecast::promised(&settings, rto, &self.with_sysctls)
    }

    /// What is to be done with a socket that has these settings at this moment, by its program if
    /// by anybody.
    #[must_use]
    pub fn step(&self, before: &Effective, snapshot: &Snapshot) -> Step {
        self.step_knowing(before, snapshot, self.is_own_choice(before))
    }

    /// The same, knowing whether they are its program's choice.
    pub(super) fn step_knowing(
        &self,
        before: &Effective,
        snapshot: &Snapshot,
        own_choice: bool,
    ) -> Step {
        let told = self.forecast(before, snapshot);
        let passes =
            |settings: &Effective| self.plan.policy().passes_middlebox(settings, &self.kernel);
        if self.meets(&told, snapshot) && passes(before) {
            return Step::Fine;
        }
        if own_choice && self.keep_app_settings {
            return Step::KeptForApplication;
        }
        let mut helpful = self
            .candidates(before, snapshot)
            .map(|options| (options, before.with(&options)))
            .map(|(options, after)| (options, after, self.forecast(&after, snapshot)))
            .filter(|(_, _, then)| self.loosens_nothing(&told, then, snapshot));
        // The first that keeps the deadline changes least; if none does, the last that helps at all
        // does most.
        let mut best = None;
        let found = helpful.find_map(|(options, after, then)| {
            let keeps = self.meets(&then, snapshot) && passes(&after);
            let change = Change {
                options: self.needed(before, &options, &after),
                after,
                own_choice,
                keeps,
            };
            if helps(&told, &then) {
                best = Some(change);
            }
            keeps.then_some(change)
        });
        found.or(best).map_or(Step::Helpless, Step::Change)
    }

    /// Whether the application, or its administrator, has set something itself that decides about
    /// vanished peers.
    #[must_use]
    pub fn is_own_choice(&self, before: &Effective) -> bool {
        before.keepalive
            || before.user_timeout_ms.is_some()
            || before.rto_max_ms != self.untouched.rto_max_ms && before.rto_max_ms.is_some()
    }

    /// When a vanished peer is noticed with these settings as long as no sysctl is set.
    #[must_use]
    pub fn forecast_at_present(&self, settings: &Effective, snapshot: &Snapshot) -> Forecast {
        Forecast::of(settings, snapshot, &self.kernel)
    }

    /// When a vanished peer would be noticed with these settings, and the plan's sysctls.
    #[must_use]
    pub fn forecast(&self, settings: &Effective, snapshot: &Snapshot) -> Forecast {
        Forecast::of(settings, snapshot, &self.with_sysctls)
    }

    /// What of a moment [`step`](Self::step) depends on.
    pub(super) fn for_worst_cases(&self, snapshot: &Snapshot) -> Snapshot {
        snapshot.for_worst_cases(&self.with_sysctls)
    }

    /// Whether the deadline is kept in every silence that the policy promises: idle, in flight,
    /// before a late write, and in the one that the connection is in now.
    pub(super) fn meets(&self, told: &Forecast, snapshot: &Snapshot) -> bool {
        let policy = self.plan.policy();
        let mut silences = Silence::JUDGED.into_iter().chain(snapshot.silence());
        silences.all(|silence| {
            !policy.promises(silence) || told.outlook(silence).worst.meets(policy.within())
        })
    }

    /// What could be set, the smallest change first.
    fn candidates(
        &self,
        before: &Effective,
        snapshot: &Snapshot,
    ) -> impl Iterator<Item = SocketOptions> {
        let plans = match before.user_timeout_ms {
            Some(_) => self.dropping.as_slice(),
            None => std::slice::from_ref(self.plan.options()),
        };
        let connecting = snapshot.state == TcpState::SynSent;
        plans.iter().flat_map(move |plan| {
            let mut whole = *plan;
            whole.syncnt = whole.syncnt.filter(|_| connecting);
            let data = whole.settings().filter(|set| !set.option.is_keepalive());
            let data = data.collect();
            let mut idle = whole;
            (idle.user_timeout_ms, idle.rto_max_ms) = (None, None);
            [data, idle, whole, tighter(&whole, before)]
        })
    }

    pub(super) fn loosens_nothing(
        &self,
        told: &Forecast,
        then: &Forecast,
        snapshot: &Snapshot,
    ) -> bool {
        let survives = |forecast: &Forecast| forecast.lost_probes_survived;
        let least = survives(told).map_or(self.plan.policy().survives(), |own| {
            own.min(self.plan.policy().survives())
        });
        let mut silences = LASTING.into_iter().chain(snapshot.silence());
        survives(then).is_none_or(|survived| survived >= least)
            && silences.all(|silence| {
                let told = told.outlook(silence).worst;
                !then.outlook(silence).worst.is_later_than(told)
            })
    }

    /// The options that really change, and `TCP_KEEPIDLE` in any case: it arms the timer anew,
    /// which would otherwise first run out with the old values.
    fn needed(
        &self,
        before: &Effective,
        options: &SocketOptions,
        after: &Effective,
    ) -> SocketOptions {
        let changes = |set: &Setting| before.held(set.option) != Some(*set);
        let mut needed: SocketOptions = options.settings().filter(changes).collect();
        needed.keepidle_s = after.keepalive.then_some(after.keepidle_s);
        needed
    }
}

/// What may come over every connection.
const LASTING: [Silence; 5] = [
    Silence::Idle,
    Silence::InFlight,
    Silence::LateWrite,
    Silence::ZeroWindow,
    Silence::AfterFin,
];

/// Options that keep the policy with a user timeout, whether they need one or not: a limit for slow
/// readers is not taken away from who has set one. Where the plan has none, a keepalive whose
/// length also bounds data.
fn dropping(policy: &Policy, kernel: &Kernel) -> Vec<SocketOptions> {
    let drop = policy.slow_readers(SlowReaders::Drop);
    let with_timeout = |tenths| {
        let mut options = *drop
            .detect_in(policy.within() * tenths / 10)
            .plan(kernel)
            .ok()?
            .options();
        if options.user_timeout_ms.is_none_or(|ms| ms == 0) {
            let (idle, interval) = (options.keepidle_s?, options.keepintvl_s?);
            options.user_timeout_ms = Some(1000 * (idle + interval * options.keepcnt?));
        }
        Some(options)
    };
    (4..=10).rev().filter_map(with_timeout).collect()
}

/// Of each option the one that ends a connection sooner.
fn tighter(plan: &SocketOptions, before: &Effective) -> SocketOptions {
    let mut tight = *plan;
    let least = |planned: Option<u32>, own: u32| planned.map(|planned| planned.min(own));
    if before.keepalive {
        tight.keepidle_s = least(plan.keepidle_s, before.keepidle_s);
        tight.keepintvl_s = least(plan.keepintvl_s, before.keepintvl_s);
        tight.keepcnt = least(plan.keepcnt, before.keepcnt);
    }
    if let Some(own) = before.user_timeout_ms {
        tight.user_timeout_ms = match plan.user_timeout_ms {
            Some(0) | None => Some(own),
            Some(planned) => Some(planned.min(own)),
        };
    }
    if let Some(own) = before.rto_max_ms {
        tight.rto_max_ms = least(plan.rto_max_ms, own);
    }
    tight
}

/// Whether any silence ends sooner then.
fn helps(told: &Forecast, then: &Forecast) -> bool {
    Silence::JUDGED.into_iter().any(|silence| {
        let then = then.outlook(silence).worst;
        told.outlook(silence).worst.is_later_than(then)
    })
}

#[cfg(test)]
mod tests;
