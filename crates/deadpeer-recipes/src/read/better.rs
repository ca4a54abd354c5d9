//! Where the recipe's values do better than those that were read.

use std::time::Duration;

use deadpeer_core::{Notice, Silence};

use super::change::{self, Changes};
use super::document::Document;
use super::own::{Own, OwnEnd};
use super::sockets::Spoken;
use crate::advice::{Advice, OwnAdvice, SideAdvice};
use crate::fit::Fit;
use crate::recipe::Configuration;

/// What to write where the recipe's values do better.
pub(super) fn wanted(
    document: &Document,
    how: &Configuration,
    advice: &Advice,
    spoken: &[Spoken<'_>],
    own: &[Own],
) -> Changes {
    let mut changes = Changes::default();
    for (one, side) in better(advice, spoken) {
        change::sockets(&mut changes, document, how.syntax, one, &side.fit.options);
    }
    for advice in late(advice, own) {
        change::own(&mut changes, document, how.syntax, advice);
    }
    changes
}

/// The lines to write for all that could do better, whatever is there.
pub(super) fn lines_of_all(advice: &Advice, spoken: &[Spoken<'_>]) -> Vec<String> {
    let late = advice.sides.iter().filter(|side| {
        let mut spoken = spoken.iter().filter(|one| one.sockets.side == side.side);
        spoken.any(|one| improves(one.sockets.fit.as_ref(), &side.fit))
    });
    let lines = late.flat_map(|side| side.lines.clone());
    let own = advice.own.iter().flat_map(|own| own.lines.clone());
    lines.chain(own).collect()
}

/// The sockets for which the recipe's values do better, each with those.
pub(super) fn better<'a, 'd>(
    advice: &'a Advice,
    spoken: &'a [Spoken<'d>],
) -> impl Iterator<Item = (&'a Spoken<'d>, &'a SideAdvice)> {
    spoken.iter().filter_map(|one| {
        let mut sides = advice.sides.iter();
        let side = sides.find(|side| side.side == one.sockets.side)?;
        improves(one.sockets.fit.as_ref(), &side.fit).then_some((one, side))
    })
}

/// The timeouts of the program's own that could keep the deadline, and do not.
pub(super) fn late<'a>(advice: &'a Advice, own: &'a [Own]) -> impl Iterator<Item = &'a OwnAdvice> {
    advice.own.iter().filter(|wanted| {
        let mut own = own.iter().filter(|own| own.timeout == wanted.timeout);
        own.any(|own| !matches!(own.ends, OwnEnd::After(after) if after <= advice.within))
    })
}

/// Whether a fit does better than what is there.
fn improves(now: Option<&Fit>, then: &Fit) -> bool {
    let Some(now) = now else { return true };
    let latest = |fit: &Fit, silence| match fit.forecast.outlook(silence).worst {
        Notice::Within(span) => span.latest,
        Notice::Never => Duration::MAX,
    };
    let mut silences = Silence::JUDGED.into_iter();
    silences.any(|silence| {
        !now.keeps(silence) && (then.keeps(silence) || latest(then, silence) < latest(now, silence))
    }) || (now.forecast.lost_probes_survived == Some(0)
        && then.forecast.lost_probes_survived > Some(0))
}
