//! Why a policy cannot be kept, and what could be.

use std::fmt;
use std::time::Duration;

use super::{LONGEST_DEADLINE, Policy, SlowReaders, search};
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
    /// The shortest deadline that could be kept with everything else as asked; `None`: none up to [`LONGEST_DEADLINE`].
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
    /// Each silence alone could be noticed in time, but not with the probes that must be survivable.
    TooManyProbes(u32),
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
    /// Run on Linux 6.15 or newer, which has `TCP_RTO_MAX_MS`.
    NewerKernel,
}

impl Refusal {
    pub(super) fn explain(policy: &Policy, kernel: &Kernel) -> Self {
        Self {
            within: policy.within,
            reason: Reason::of(policy, kernel),
            nearest: nearest(policy, kernel),
            relaxations: relaxations(policy, kernel),
        }
    }
}

impl Reason {
    fn of(policy: &Policy, kernel: &Kernel) -> Self {
        if policy.within > LONGEST_DEADLINE {
            return Self::TooLong;
        }
        if policy.survive_lost_probes >= u32::from(MAX_KEEPCNT) {
            return Self::TooManyProbes(policy.survive_lost_probes);
        }
        let soonest = search::soonest(policy, kernel);
        Silence::ALL
            .into_iter()
            .filter(|silence| policy.promises(*silence))
            .map(|silence| (silence, soonest.outlook(silence).worst))
            .find(|(_, worst)| !worst.meets(policy.within))
            .map_or(
                Self::TooManyProbes(policy.survive_lost_probes),
                |(silence, worst)| Self::TooLate(silence, worst),
            )
    }
}

/// The shortest deadline that can be kept, found by doubling and halving.
fn nearest(policy: &Policy, kernel: &Kernel) -> Option<Duration> {
    let kept = |steps: u32| {
        let within = STEP * steps;
        within <= LONGEST_DEADLINE && search::plan(&policy.detect_in(within), kernel).is_some()
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
    while found - missed > 1 {
        let middle = missed + (found - missed) / 2;
        if kept(middle) {
            found = middle;
        } else {
            missed = middle;
        }
    }
    Some(STEP * found)
}

fn relaxations(policy: &Policy, kernel: &Kernel) -> Vec<Relaxation> {
    let kept = |policy: Policy, kernel: &Kernel| search::plan(&policy, kernel).is_some();
    let mut relaxations = Vec::new();
    if policy.slow_readers == SlowReaders::Keep {
        if !kernel.rto_max_option {
            let newer = Kernel {
                rto_max_option: true,
                ..*kernel
            };
            if kept(*policy, &newer) {
                relaxations.push(Relaxation::NewerKernel);
            }
        }
        if kept(policy.slow_readers(SlowReaders::Drop), kernel) {
            relaxations.push(Relaxation::DropSlowReaders);
        }
    }
    let excepted = Silence::ALL
        .into_iter()
        .filter(|silence| policy.promises(*silence) && kept(policy.except(*silence), kernel));
    relaxations.extend(excepted.map(Relaxation::Except));
    let fewer = (0..policy.survive_lost_probes.min(u32::from(MAX_KEEPCNT)))
        .rev()
        .find(|n| kept(policy.survive_lost_probes(*n), kernel));
    relaxations.extend(fewer.map(Relaxation::SurviveLostProbes));
    relaxations
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
            Self::NewerKernel => f.write_str("run Linux 6.15 or newer, which has TCP_RTO_MAX_MS"),
        }
    }
}
