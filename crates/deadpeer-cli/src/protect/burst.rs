//! Connections within this machine that must not all probe in the same tick: what is said about them, and how far it has come.

use super::args::ProtectArgs;
use crate::audit::gaps::Gap;
use crate::drive::interruption;
use crate::exit::Stop;
use crate::text::duration::Upper;
use crate::text::style;
use crate::text::table::Look;
use deadpeer_host::Table;
use deadpeer_host::protect::{LoopbackBurst, Progress, Survey, backlog};
use deadpeer_sys::signals::{Interruption, Second};
use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// Says how a burst will be changed, or why it will not be. Returns whether to go on.
pub(super) fn may_be_changed(
    args: &ProtectArgs,
    survey: &Survey,
    burst: &LoopbackBurst,
    look: Look,
    out: &mut impl Write,
) -> Result<bool, Stop> {
    let refused = !burst.fits() && !args.force;
    let (code, style, text) = match refused {
        true => ("too-many-in-one-tick", style::BAD, refusal(burst)),
        false => (
            "in-portions",
            style::NOTE,
            plan(burst, survey.takes(burst, Instant::now())),
        ),
    };
    let gap = Gap {
        code,
        count: Some(burst.sockets as u64),
        text,
    };
    gap.say_in(style, args.json, look, out)?;
    Ok(!refused)
}

fn plan(burst: &LoopbackBurst, takes: Duration) -> String {
    let risk = match burst.fits() {
        true => "",
        false => " Even so probes will be lost, and live connections may be.",
    };
    format!(
        "{} of these are ends of connections within this machine. Changed at once they would probe in the same tick, and the receive backlog holds {} packets: they are changed {} at a time, which takes about {}.{risk}",
        burst.sockets,
        burst.backlog,
        burst.batch(),
        Upper(takes)
    )
}

fn refusal(burst: &LoopbackBurst) -> String {
    format!(
        "Refused: {} of these are ends of connections within this machine that would probe in the same ticks, the receive backlog holds {} packets, and so live connections would be lost (nothing was changed): choose at most {} of them by a filter, raise net.core.netdev_max_backlog to {} or more, try another --within, or do it anyway with --force.",
        burst.sockets,
        burst.backlog,
        burst.most_sockets(),
        burst.backlog_needed()
    )
}

/// The burst among what is to be changed, if there is one.
pub(super) fn among(survey: &Survey, table: &Table) -> Option<LoopbackBurst> {
    survey.burst(backlog(), table.kernel().hz)
}

/// Shows on a terminal how far it has come, and notes signals, which end it between two batches.
pub(super) struct Waiting {
    interruption: Option<Interruption>,
    shown: bool,
}

impl Waiting {
    /// Where nothing has to wait, signals do what they always do.
    pub(super) fn begin(burst: Option<&LoopbackBurst>) -> Result<Self, Stop> {
        Ok(Self {
            interruption: burst.map(|_| interruption(Second::IsNoted)).transpose()?,
            shown: io::stderr().is_terminal(),
        })
    }

    pub(super) fn interruption(&self) -> Option<&Interruption> {
        self.interruption.as_ref()
    }

    pub(super) fn show(&self, progress: Progress) {
        let (done, of) = (progress.done, progress.of);
        let left = Duration::from_secs(progress.left.as_secs());
        self.line(&format!(
            "{done} of {of} sockets done, {} left",
            Upper(left)
        ));
    }

    pub(super) fn end(&self) {
        self.line("");
    }

    fn line(&self, text: &str) {
        if self.shown {
            // Back to the start of the line, which is then empty (ECMA-48 EL). Progress is no reason to fail.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }
}
