//! How right the forecast was.

use std::collections::BTreeMap;
use std::time::Duration;

use deadpeer_core::{Notice, Snapshot, SocketOptions};

use super::kind::Kind;
use super::stage::Actor;

/// A forecast names the moment if it is right to so many jiffies either way.
const EXACT_TICKS: u32 = 2;

/// How one connection ended.
pub(super) struct Outcome {
    kind: Kind,
    options: SocketOptions,
    snapshot: Option<Snapshot>,
    exact: Option<Notice>,
    blurred: Option<Notice>,
    worst: Option<Notice>,
    /// From the snapshot to the death; `None`: it did not die.
    actual: Option<Duration>,
    tick: Duration,
}

impl Outcome {
    pub(super) fn of(actor: &Actor, death: Option<Duration>, tick: Duration) -> Self {
        let silence = actor.scenario.kind.silence();
        let prediction = actor.prediction.as_ref();
        Self {
            kind: actor.scenario.kind,
            options: actor.scenario.options,
            snapshot: prediction.map(|p| p.snapshot),
            exact: prediction.and_then(|p| p.exact.outlook(silence).now),
            blurred: prediction.and_then(|p| p.blurred.outlook(silence).now),
            worst: prediction.map(|p| p.blurred.outlook(silence).worst),
            actual: death.zip(prediction).map(|(at, p)| at.saturating_sub(p.at)),
            tick,
        }
    }

    /// Told to two jiffies either way, and right.
    fn is_exact(&self) -> bool {
        let (Some(Notice::Within(span)), Some(actual)) = (self.exact, self.actual) else {
            return false;
        };
        let (middle, half) = (
            (span.earliest + span.latest) / 2,
            (span.latest - span.earliest) / 2,
        );
        let near = self.tick * EXACT_TICKS;
        half <= near && actual.abs_diff(middle) <= near
    }

    /// Within the interval that needs no phase, a tick of delivery allowed, and no later than the
    /// worst case where one is told.
    fn is_contained(&self) -> bool {
        let (Some(Notice::Within(span)), Some(actual)) = (self.blurred, self.actual) else {
            return false;
        };
        let worst = self.worst.and_then(Notice::latest);
        span.earliest <= actual
            && actual <= span.latest + self.tick
            && (!self.kind.has_worst_case() || worst >= actual.checked_sub(self.tick))
    }
}

/// All outcomes of a run.
pub(super) struct Report(Vec<Outcome>);

impl Report {
    pub(super) fn new(outcomes: Vec<Outcome>) -> Self {
        Self(outcomes)
    }

    /// 98 % to two jiffies, and none outside its interval.
    pub(super) fn is_right(&self) -> bool {
        let exact = self.0.iter().filter(|outcome| outcome.is_exact()).count();
        exact * 100 >= self.0.len() * 98 && self.0.iter().all(Outcome::is_contained)
    }

    pub(super) fn print(&self, verbose: bool) {
        let mut groups: BTreeMap<Kind, (usize, usize, usize)> = BTreeMap::new();
        for outcome in &self.0 {
            let group = groups.entry(outcome.kind).or_default();
            group.0 += 1;
            group.1 += usize::from(outcome.is_exact());
            group.2 += usize::from(outcome.is_contained());
            if verbose || !outcome.is_exact() || !outcome.is_contained() {
                print_one(outcome, verbose);
            }
        }
        println!(
            "{:<20} {:>11} {:>18} {:>16}",
            "silence", "connections", "within two jiffies", "within interval"
        );
        let mut all = (0, 0, 0);
        for (kind, (count, exact, contained)) in groups {
            let name = kind.name();
            println!("{name:<20} {count:>11} {exact:>18} {contained:>16}");
            all = (all.0 + count, all.1 + exact, all.2 + contained);
        }
        println!("{:<20} {:>11} {:>18} {:>16}", "all", all.0, all.1, all.2);
    }
}

fn print_one(outcome: &Outcome, verbose: bool) {
    let word = match (outcome.is_exact(), outcome.is_contained()) {
        (_, false) => "OUTSIDE",
        (false, true) => "inexact",
        (true, true) => "exact",
    };
    let seconds = |notice: Option<Notice>| match notice {
        Some(Notice::Within(span)) => {
            format!(
                "{:.3}..{:.3} s",
                span.earliest.as_secs_f64(),
                span.latest.as_secs_f64()
            )
        }
        Some(Notice::Never) => "never".to_owned(),
        None => "nothing".to_owned(),
    };
    let actual = outcome.actual.map_or("alive".to_owned(), |at| {
        format!("{:.3} s", at.as_secs_f64())
    });
    println!(
        "{word}: {}: died after {actual}, foretold {}, without phase {}",
        outcome.kind.name(),
        seconds(outcome.exact),
        seconds(outcome.blurred)
    );
    if verbose || !outcome.is_contained() {
        println!("    {:?}\n    {:?}", outcome.options, outcome.snapshot);
    }
}
