//! How right the forecast was.

use std::collections::BTreeMap;
use std::time::Duration;

use deadpeer_core::{Notice, Snapshot, SocketOptions};

use super::kind::Kind;
use super::stage::Actor;

/// A forecast names the moment if it is right to so many jiffies either way.
const EXACT_TICKS: u32 = 2;

/// When a connection ended, as far as that could be seen: where the kernel doesn't report it,
/// between two looks of a machine that may be busy.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) after: Duration,
    pub(super) before: Duration,
}

impl End {
    /// To the moment.
    pub(super) fn at(moment: Duration) -> Self {
        Self {
            after: moment,
            before: moment,
        }
    }

    fn since(self, start: Duration) -> Self {
        Self {
            after: self.after.saturating_sub(start),
            before: self.before.saturating_sub(start),
        }
    }

    fn may_be_within(self, earliest: Duration, latest: Duration) -> bool {
        earliest <= self.before && self.after <= latest
    }
}

/// How one connection ended.
pub(super) struct Outcome {
    kind: Kind,
    options: SocketOptions,
    snapshots: Option<[Snapshot; 2]>,
    exact: Option<Notice>,
    blurred: [Option<Notice>; 2],
    /// When the second of them was made, after the first.
    outside: [Duration; 2],
    worst: Option<Notice>,
    /// From the snapshot to the death; `None`: it did not die.
    actual: Option<End>,
    /// It was over before it was asked about, for this machine was late with what is done to it.
    is_overtaken: bool,
    tick: Duration,
    /// Whether the data of an outage after close() arrived as foretold.
    is_outage_right: bool,
    /// How much longer it would have been survived, as a part.
    kept_back: Option<f64>,
}

impl Outcome {
    pub(super) fn of(actor: &Actor, death: Option<End>, tick: Duration) -> Self {
        let silence = actor.scenario.kind.silence();
        let prediction = actor.prediction.as_ref();
        Self {
            kind: actor.scenario.kind,
            options: actor.scenario.options,
            snapshots: prediction.map(|p| p.snapshots),
            exact: prediction.and_then(|p| p.exact.outlook(silence).now),
            blurred: prediction.map_or([None; 2], |p| {
                p.blurred.map(|told| told.outlook(silence).now)
            }),
            outside: prediction.map_or([Duration::ZERO; 2], |p| p.outside),
            worst: prediction.map(|p| p.exact.outlook(silence).worst),
            actual: death.zip(prediction).map(|(end, p)| end.since(p.at)),
            is_overtaken: actor.is_overtaken(),
            tick,
            is_outage_right: prediction
                .is_some_and(|told| actor.outage.is_right(actor.scenario.kind, told)),
            kept_back: prediction.and_then(|told| actor.outage.kept_back(told)),
        }
    }

    /// Told to two jiffies either way, and right.
    fn is_exact(&self) -> bool {
        if self.is_overtaken {
            return false;
        }
        if self.kind == Kind::OutageSurvived {
            return self.is_outage_right;
        }
        let (Some(Notice::Within(span)), Some(actual)) = (self.exact, self.actual) else {
            return false;
        };
        let (middle, half) = (
            (span.earliest + span.latest) / 2,
            (span.latest - span.earliest) / 2,
        );
        let near = self.tick * EXACT_TICKS;
        half <= near && actual.may_be_within(middle.saturating_sub(near), middle + near)
    }

    /// Told to two jiffies either way.
    fn is_narrow(&self) -> bool {
        matches!(self.exact, Some(Notice::Within(span)) if span.latest - span.earliest <= self.tick * EXACT_TICKS * 2)
    }

    /// Within the intervals that need no phase, a tick of delivery allowed, and no later than the
    /// worst case where one is told.
    fn is_contained(&self) -> bool {
        if self.is_overtaken {
            return true;
        }
        if self.kind == Kind::OutageSurvived {
            return self.is_outage_right;
        }
        let Some(actual) = self.actual else {
            return false;
        };
        let contains = |notice, [begun, done]: [Duration; 2]| match notice {
            Some(Notice::Within(span)) => {
                actual.may_be_within(begun + span.earliest, done + span.latest + self.tick)
            }
            Some(Notice::Never) | None => false,
        };
        let [within, outside] = self.blurred;
        let worst = self.worst.and_then(Notice::latest);
        self.is_outage_right
            && contains(within, [Duration::ZERO; 2])
            && contains(outside, self.outside)
            && (!self.kind.has_worst_case() || worst >= actual.after.checked_sub(self.tick))
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
        let overtaken = self.0.iter().filter(|outcome| outcome.is_overtaken).count();
        if overtaken > 0 {
            println!(
                "{overtaken} were over before they were asked about, for this machine was late: none of these is within two jiffies."
            );
        }
        let mut kept_back: Vec<_> = self.0.iter().filter_map(|o| o.kept_back).collect();
        kept_back.sort_unstable_by(f64::total_cmp);
        if let (Some(most), median) = (kept_back.last(), kept_back.get(kept_back.len() / 2)) {
            println!(
                "Outages after close() would have been survived for longer than foretold by {:.0} % (median), at most {:.0} %.",
                median.unwrap_or(most) * 100.0,
                most * 100.0
            );
        }
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
    if outcome.is_overtaken {
        println!("overtaken: {}", outcome.kind.name());
        return;
    }
    let actual = match outcome.actual {
        None => "alive".to_owned(),
        Some(End { after, before }) if before - after <= outcome.tick => {
            format!("{:.3} s", before.as_secs_f64())
        }
        Some(End { after, before }) => {
            format!(
                "{:.3} to {:.3} s",
                after.as_secs_f64(),
                before.as_secs_f64()
            )
        }
    };
    println!(
        "{word}: {}: died after {actual}, foretold {}, without phase {}, without eBPF {}",
        outcome.kind.name(),
        seconds(outcome.exact),
        seconds(outcome.blurred[0]),
        seconds(outcome.blurred[1])
    );
    if verbose || !outcome.is_contained() || !outcome.is_narrow() {
        println!("    {:?}\n    {:?}", outcome.options, outcome.snapshots);
    }
}
