//! What a policy takes beside its deadline, in the same words for every verb that makes one.

use clap::{Args, ValueEnum};
use deadpeer_core::{Policy, SlowReaders};
use std::time::Duration;

/// What a policy survives unless told otherwise (RFC 1122, section 4.2.3.6: not one lost probe is death).
pub(crate) const LOST_PROBES: u32 = 2;

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// Lost keepalive probes in a row that a live peer survives, at least
    #[arg(long, value_name = "N", default_value_t = LOST_PROBES)]
    pub(crate) survive_lost: u32,
    /// Live peers that don't read (zero window): keep or drop them
    #[arg(
        long,
        value_name = "keep|drop",
        default_value = "keep",
        hide_possible_values = true
    )]
    pub(crate) slow_readers: SlowReadersArg,
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
        Policy::detect_within(deadline)
            .survive_lost_probes(self.survive_lost)
            .slow_readers(self.slow_readers.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_policys_own() {
        let policy = Policy::detect_within(Duration::from_secs(60));
        assert_eq!(policy.survive_lost_probes(LOST_PROBES), policy);
    }
}
