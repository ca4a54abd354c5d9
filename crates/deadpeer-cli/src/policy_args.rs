//! What a policy takes beside its deadline, in the same words for every verb that makes one.

use std::time::Duration;

use clap::{Args, ValueEnum};
use deadpeer_core::policy::Relaxation;
use deadpeer_core::{Policy, Refusal, Silence, SlowReaders};
use deadpeer_report::duration;

use crate::flags::named;

/// What a policy survives unless told otherwise (RFC 1122, section 4.2.3.6: not one lost probe is
/// death).
pub(crate) const LOST_PROBES: u32 = 2;

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// Minimum number of consecutive lost keepalive probes that a live peer must survive
    #[arg(long, value_name = "N", default_value_t = LOST_PROBES)]
    pub(crate) survive_lost: u32,
    /// Whether to keep or drop live peers that don't read (zero window)
    #[arg(
        long,
        value_name = "keep|drop",
        default_value = "keep",
        hide_possible_values = true
    )]
    pub(crate) slow_readers: SlowReadersArg,
    /// How long an outage may last right after the program has closed a connection without losing
    /// what it wrote last
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    pub(crate) after_close: Option<Duration>,
    /// Largest retransmission timeout on the paths, rto in TCP_INFO (1s unless given; 250ms where
    /// all peers are near). A smaller one allows shorter deadlines and longer outages, but the plan
    /// holds only up to it
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    pub(crate) path_rto: Option<Duration>,
    /// Middlebox on the path that forgets idle connections, and so has to see a probe before
    /// it does: aws-alb, aws-nlb, azure, gcp, ipvs, or its idle timeout, such as 350s
    #[arg(long, value_name = "NAME|TIME", value_parser = deadpeer_report::middlebox::parse)]
    pub(crate) middlebox: Option<Duration>,
    /// Kinds of silence that need not keep the deadline: idle, in-flight, late-write, zero-window,
    /// connecting, after-fin
    #[arg(
        long,
        value_name = "SILENCE,...",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    #[arg(value_parser = named(Silence::ALL, Silence::name))]
    pub(crate) except: Vec<Silence>,
}

/// Whether live peers that don't read may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SlowReadersArg {
    Keep,
    Drop,
}

impl From<SlowReadersArg> for SlowReaders {
    fn from(arg: SlowReadersArg) -> Self {
        match arg {
            SlowReadersArg::Keep => Self::Keep,
            SlowReadersArg::Drop => Self::Drop,
        }
    }
}

impl PolicyArgs {
    /// The policy that keeps a deadline.
    pub(crate) fn within(&self, deadline: Duration) -> Policy {
        let policy = Policy::detect_within(deadline)
            .survive_lost_probes(self.survive_lost)
            .slow_readers(self.slow_readers.into())
            .after_close(self.after_close.unwrap_or_default());
        let policy = match self.path_rto {
            Some(rto) => policy.path_rto(rto),
            None => policy,
        };
        let policy = match self.middlebox {
            Some(limit) => policy.middlebox(limit),
            None => policy,
        };
        let excepted = self.except.iter();
        excepted.fold(policy, |policy, silence| policy.except(*silence))
    }
}

/// What to write instead, in the order of the refusal: its concessions that have an argument, and
/// the nearest deadline. Not every verb `takes_sysctl`.
pub(crate) fn ways_out(refusal: &Refusal, takes_sysctl: bool) -> Option<String> {
    let concessions = refusal
        .relaxations
        .iter()
        .filter_map(|relaxation| match relaxation {
            Relaxation::DropSlowReaders => Some("--slow-readers drop".to_owned()),
            Relaxation::SurviveLostProbes(lost) => Some(format!("--survive-lost {lost}")),
            Relaxation::AfterClose(outage) => {
                Some(format!("--after-close {}", duration::argument(*outage)))
            }
            Relaxation::SetRetries2(_) if takes_sysctl => Some("--sysctl".to_owned()),
            Relaxation::SetRetries2Except(_, silence) if takes_sysctl => {
                Some(format!("--sysctl --except {}", silence.name()))
            }
            Relaxation::Except(silence) => Some(format!("--except {}", silence.name())),
            Relaxation::NewerKernel | _ => None,
        });
    let nearest = refusal.nearest.map(|nearest| {
        let seconds = nearest.as_millis().div_ceil(1000) as u64;
        format!(
            "--within {}",
            duration::typed(Duration::from_secs(seconds)).replace(' ', "")
        )
    });
    let ways: Vec<String> = concessions.chain(nearest).collect();
    (!ways.is_empty()).then(|| format!("Try {}.", ways.join(", or ")))
}

#[cfg(test)]
mod tests {
    use deadpeer_core::Kernel;

    use super::*;

    #[test]
    fn a_refusal_says_what_to_write_instead() {
        let old = Kernel::before_rto_max(None);
        let refused = |seconds| {
            let policy = Policy::detect_within(Duration::from_secs(seconds));
            ways_out(
                &policy
                    .survive_lost_probes(LOST_PROBES)
                    .plan(&old)
                    .unwrap_err(),
                true,
            )
        };
        assert_eq!(
            refused(30).as_deref(),
            Some("Try --sysctl --except zero-window, or --slow-readers drop, or --within 35m39s.")
        );
        assert_eq!(
            refused(1_000_000_000).as_deref(),
            Some("Try --within 7days.")
        );
    }

    #[test]
    fn the_default_is_the_policys_own() {
        let policy = Policy::detect_within(Duration::from_secs(60));
        assert_eq!(policy.survive_lost_probes(LOST_PROBES), policy);
    }
}
