//! What a rule remembers, and what it counts.

use std::collections::HashMap;
use std::time::Duration;

use super::bucket::Bucket;
use super::chance::Chance;
use super::flow::Flows;
use super::{Decision, End, Rule};

/// Names a rule of one router; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub(super) u64);

/// What a rule has done: the proof that it bites.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleCount {
    /// The rule.
    pub id: RuleId,
    /// What it is called.
    pub name: String,
    /// Packets for which its condition held, chance aside.
    pub seen: u64,
    /// Packets that it did something to: dropped, delayed, answered.
    pub acted: u64,
    /// Packets that ended here: dropped, rejected, without room in the queue or without flow.
    pub ended: u64,
}

/// A direction: from where to where.
pub(super) type Direction = (End, End);

/// A rule at work.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) id: RuleId,
    pub(super) rule: Rule,
    pub(super) chance: Chance,
    /// Each flow's own stream, by the ports of its direction.
    chances: HashMap<(u16, u16), Chance>,
    seed: u64,
    pub(super) picked: u64,
    pub(super) seen: u64,
    pub(super) acted: u64,
    pub(super) ended: u64,
    /// When the last packet of each direction was released, for delays that keep the order.
    pub(super) released: HashMap<Direction, Duration>,
    pub(super) buckets: HashMap<Direction, Bucket>,
    pub(super) flows: Flows,
}

impl Active {
    pub(super) fn new(id: RuleId, rule: Rule, seed: u64) -> Self {
        Self {
            id,
            chance: Chance::of(seed, id.0),
            chances: HashMap::new(),
            seed,
            rule,
            picked: 0,
            seen: 0,
            acted: 0,
            ended: 0,
            released: HashMap::new(),
            buckets: HashMap::new(),
            flows: Flows::default(),
        }
    }

    /// Counts a packet for which the condition holds, and decides by number and chance whether it
    /// is picked.
    ///
    /// Each direction of a flow, named by its ports, has a stream of chances of its own: what
    /// becomes of its packets does not depend on what other flows send in between.
    pub(super) fn pick(&mut self, ports: Option<(u16, u16)>) -> bool {
        self.seen += 1;
        let more = self.rule.when.at_most.is_none_or(|most| self.picked < most);
        let (seed, rule) = (self.seed, self.id.0);
        let chance = match ports {
            Some(ports) => self
                .chances
                .entry(ports)
                .or_insert_with(|| Chance::of_flow(seed, rule, ports)),
            None => &mut self.chance,
        };
        let picked = more && chance.hits(self.rule.when.chance);
        self.picked += u64::from(picked);
        picked
    }

    /// Counts that it did something, and leaves its name in the trail.
    pub(super) fn note(&mut self, decision: &mut Decision) {
        self.acted += 1;
        decision.trail.push(self.id);
    }

    pub(super) fn count(&self) -> RuleCount {
        RuleCount {
            id: self.id,
            name: self.rule.name.clone(),
            seen: self.seen,
            acted: self.acted,
            ended: self.ended,
        }
    }
}
