//! Groups of flags that several verbs have, each declared once.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use deadpeer_report::duration;

use crate::confirm::Consent;
use crate::exit::Stop;

/// The deadline. Verbs that have a default for it, or do without, say so where they take this in.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DeadlineArgs {
    /// Deadline by which a vanished peer must be noticed, such as 30s, 1m30s or 2h
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    pub(crate) within: Duration,
}

/// Whether what a program has chosen itself counts more than the deadline.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct RespectArgs {
    /// Leave alone what a program has set itself, even if it misses the deadline
    #[arg(long)]
    pub(crate) keep_app_settings: bool,
}

/// Whether to change anything, and whether to ask before.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ConsentArgs {
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short = 'y', conflicts_with = "dry_run")]
    yes: bool,
}

impl ConsentArgs {
    /// What the flags come to.
    pub(crate) fn consent(self) -> Result<Consent, Stop> {
        Consent::of(self.dry_run, self.yes)
    }

    /// The same where nobody need be asked.
    pub(crate) fn rehearsed_or_given(self) -> Consent {
        match self.dry_run {
            true => Consent::Rehearse,
            false => Consent::Given,
        }
    }
}

/// What may be used to look and to change.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MeansArgs {
    /// Don't use eBPF, even where it is faster or reaches more
    #[arg(long)]
    no_bpf: bool,
}

impl MeansArgs {
    /// Whether eBPF may be used.
    pub(crate) fn bpf(self) -> bool {
        !self.no_bpf
    }
}

/// One of these, by its name.
pub(crate) fn named<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(name)).try_map(move |typed| {
        let mut known = all.into_iter();
        known
            .find(|one| name(*one) == typed)
            .ok_or("there is none of this name")
    })
}
