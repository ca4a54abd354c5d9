//! Why a policy cannot be kept, and what could be.

use std::fmt;
use std::time::Duration;

use super::search::{Search, farthest};
use super::{LONGEST_DEADLINE, Policy, SlowReaders};
use crate::forecast::{Notice, Silence};
use crate::kernel::Kernel;
use crate::options::MAX_KEEPCNT;

/// Nearest deadlines are told to this precision.
const STEP: Duration = Duration::from_millis(100);

/// No options keep the policy on this kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The deadline that was asked for.
    pub within: Duration,
    /// Why not.
    pub reason: Reason,
    /// The shortest deadline that could be kept with everything else as asked; `None`: none up to
    /// [`LONGEST_DEADLINE`].
    pub nearest: Option<Duration>,
    /// Single concessions with which the deadline could be kept.
    pub relaxations: Vec<Relaxation>,
}

/// What stands against a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Even the soonest options notice this silence only then.
    TooLate(Silence, Notice),
    /// Each silence alone could be noticed in time, but not with the probes that must be
    /// survivable.
    TooManyProbes(u32),
    /// The deadline could be kept, but what is written just before close() would survive no longer
    /// an outage than this.
    LostAfterClose(Duration),
    /// Even options that leave live peers alone which do not read drop one then, because
    /// `tcp_retries2` of the network namespace is 0 or 1.
    DropsSlowReaders(Notice),
    /// The middlebox forgets connections sooner than keepalive can speak, whose shortest wait is a
    /// second.
    ForgottenByMiddlebox(Duration),
    /// The deadline is longer than deadpeer plans for.
    TooLong,
}

/// A concession that would make a refused deadline possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relaxation {
    /// Allow live peers that do not read to be dropped.
    DropSlowReaders,
    /// Do not promise the deadline for this silence.
    Except(Silence),
    /// Survive only so many lost probes.
    SurviveLostProbes(u32),
    /// Ask for no longer an outage than this that what is written just before close() survives.
    AfterClose(Duration),
    /// Allow `tcp_retries2` of the network namespace to be lowered to this.
    SetRetries2(u32),
    /// The same, and do not promise the deadline for this silence.
    SetRetries2Except(u32, Silence),
    /// Run on Linux 6.15 or newer, which has `TCP_RTO_MAX_MS`.
    NewerKernel,
}

impl Refusal {
    pub(super) fn explain(policy: &Policy, search: &Search<'_>) -> Self {
        Self {
            within: policy.within,
            reason: Reason::of(policy, search),
            nearest: nearest(policy, search),
            relaxations: relaxations(policy, search),
        }
    }
}

impl Reason {
    fn of(policy: &Policy, search: &Search<'_>) -> Self {
        if policy.within > LONGEST_DEADLINE {
            return Self::TooLong;
        }
        if let Some(limit) = policy.middlebox
            && search.longest_silence_s(policy, 1).is_none()
        {
            return Self::ForgottenByMiddlebox(limit);
        }
        if policy.survive_lost_probes >= u32::from(MAX_KEEPCNT) {
            return Self::TooManyProbes(policy.survive_lost_probes);
        }
        if let Some(longest) = shorter_after_close(policy, search) {
            return Self::LostAfterClose(longest);
        }
        let soonest = search.soonest(policy);
        let too_late = Silence::ALL
            .into_iter()
            .filter(|silence| policy.promises(*silence))
            .map(|silence| (silence, soonest.outlook(silence).worst))
            .find(|(_, worst)| !worst.meets(policy.within));
        match (too_late, soonest.slow_reader) {
            (Some((silence, worst)), _) => Self::TooLate(silence, worst),
            (None, dropped @ Notice::Within(_)) if policy.keeps_slow_readers() => {
                Self::DropsSlowReaders(dropped)
            }
            (None, _) => Self::TooManyProbes(policy.survive_lost_probes),
        }
    }
}

/// The shortest deadline that can be kept, found by doubling and halving.
fn nearest(policy: &Policy, search: &Search<'_>) -> Option<Duration> {
    let kept = |steps: u32| {
        let within = STEP * steps;
        within <= LONGEST_DEADLINE && search.can_keep(&policy.detect_in(within))
    };
    let most = u32::try_from(LONGEST_DEADLINE.as_millis() / STEP.as_millis()).unwrap_or(u32::MAX);
    let asked = policy.within.min(LONGEST_DEADLINE).as_millis() / STEP.as_millis();
    let mut missed = u32::try_from(asked).unwrap_or(most);
    let mut found = (missed + 10).min(most);
    while !kept(found) {
        if found >= most {
            return None;
        }
        missed = found;
        found = found.saturating_mul(2).min(most);
    }
    Some(STEP * farthest(found, missed, kept))
}

/// The longest outage after close() that could be had with everything else as asked, if that is
/// what stands against the policy.
fn shorter_after_close(policy: &Policy, search: &Search<'_>) -> Option<Duration> {
    if policy.after_close.is_zero() || !search.can_keep(&policy.after_close(Duration::ZERO)) {
        return None;
    }
    let kept = |steps: u32| search.can_keep(&policy.after_close(STEP * steps));
    let asked = policy.after_close.min(LONGEST_DEADLINE).as_millis() / STEP.as_millis();
    let missed = u32::try_from(asked).ok()?.saturating_add(1);
    Some(STEP * farthest(0, missed, kept))
}

fn relaxations(policy: &Policy, search: &Search<'_>) -> Vec<Relaxation> {
    let kept = |policy: Policy| search.can_keep(&policy);
    let mut relaxations = Vec::new();
    if policy.slow_readers == SlowReaders::Keep {
        if !search.kernel.rto_max_option {
            let newer = Kernel {
                rto_max_option: true,
                ..*search.kernel
            };
            if Search::new(policy, &newer).can_keep(policy) {
                relaxations.push(Relaxation::NewerKernel);
            }
            relaxations.extend(with_lower_retries2(policy, search));
        }
        if kept(policy.slow_readers(SlowReaders::Drop)) {
            relaxations.push(Relaxation::DropSlowReaders);
        }
    }
    relaxations.extend(shorter_after_close(policy, search).map(Relaxation::AfterClose));
    let excepted = Silence::ALL
        .into_iter()
        .filter(|silence| policy.promises(*silence) && kept(policy.except(*silence)));
    relaxations.extend(excepted.map(Relaxation::Except));
    let fewer = (0..policy.survive_lost_probes.min(u32::from(MAX_KEEPCNT)))
        .rev()
        .find(|n| kept(policy.survive_lost_probes(*n)));
    relaxations.extend(fewer.map(Relaxation::SurviveLostProbes));
    relaxations
}

/// What a lower `tcp_retries2` would make possible, alone or but for one silence.
fn with_lower_retries2(policy: &Policy, search: &Search<'_>) -> Option<Relaxation> {
    if policy.sysctls {
        return None;
    }
    let policy = policy.sysctls(true);
    let lowered = |policy: &Policy| search.plan(policy)?.sysctls.retries2;
    if let Some(retries2) = lowered(&policy) {
        return Some(Relaxation::SetRetries2(retries2));
    }
    Silence::ALL
        .into_iter()
        .filter(|silence| policy.promises(*silence))
        .find_map(|silence| {
            let retries2 = lowered(&policy.except(silence))?;
            Some(Relaxation::SetRetries2Except(retries2, silence))
        })
}

impl std::error::Error for Refusal {}

impl From<Refusal> for std::io::Error {
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput), with the error inside.
    fn from(error: Refusal) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} s cannot be kept: {}",
            self.within.as_secs_f64(),
            self.reason
        )?;
        match self.nearest {
            Some(nearest) => write!(
                f,
                "; the nearest deadline that can is {:.1} s",
                nearest.as_secs_f64()
            )?,
            None => write!(f, "; no deadline can")?,
        }
        for (n, relaxation) in self.relaxations.iter().enumerate() {
            write!(
                f,
                "{} {relaxation}",
                if n == 0 { "; possible if you" } else { ", or" }
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLate(silence, Notice::Within(span)) => write!(
                f,
                "a peer that vanishes {} is noticed after {:.1} s at the soonest",
                silence.words(),
                span.latest.as_secs_f64()
            ),
            Self::TooLate(silence, Notice::Never) => {
                write!(
                    f,
                    "a peer that vanishes {} is never noticed",
                    silence.words()
                )
            }
            Self::TooManyProbes(n) => write!(
                f,
                "no burst of probes that survives {n} lost ones fits into it"
            ),
            Self::LostAfterClose(longest) => write!(
                f,
                "what is written just before close() survives an outage of {:.1} s at most",
                longest.as_secs_f64()
            ),
            Self::DropsSlowReaders(dropped) => write!(
                f,
                "with tcp_retries2 so low, a live peer that does not read is dropped after {:.1} s",
                dropped.latest().unwrap_or_default().as_secs_f64()
            ),
            Self::ForgottenByMiddlebox(limit) => write!(
                f,
                "a middlebox that forgets after {} s hears no probe in time",
                limit.as_secs_f64()
            ),
            Self::TooLong => write!(
                f,
                "the longest deadline is {} s",
                LONGEST_DEADLINE.as_secs()
            ),
        }
    }
}

impl fmt::Display for Relaxation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DropSlowReaders => f.write_str("let slow readers be dropped"),
            Self::Except(silence) => write!(f, "promise nothing for {silence}"),
            Self::SurviveLostProbes(n) => write!(f, "survive only {n} lost probes"),
            Self::AfterClose(outage) => write!(
                f,
                "ask for no more than {:.1} s after close()",
                outage.as_secs_f64()
            ),
            Self::SetRetries2(retries2) => write!(
                f,
                "let tcp_retries2 of the network namespace be lowered to {retries2}"
            ),
            Self::SetRetries2Except(retries2, silence) => {
                write!(
                    f,
                    "{} and promise nothing for {silence}",
                    Self::SetRetries2(*retries2)
                )
            }
            Self::NewerKernel => f.write_str("run Linux 6.15 or newer, which has TCP_RTO_MAX_MS"),
        }
    }
}
