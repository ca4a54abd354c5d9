//! The router: a packet goes in, a decision comes out.

use std::time::Duration;

use super::course::{Course, walk};
use super::neighbour::{self, Request};
use super::state::Active;
use super::{
    Action, Decision, Emission, End, Link, Packet, Reject, Rule, RuleCount, RuleId, answer,
};

/// Joins the links of all hosts, and does to their packets what its rules say.
#[derive(Debug)]
pub struct Router {
    links: Vec<Link>,
    rules: Vec<Active>,
    seed: u64,
    next: u64,
    traffic: Traffic,
}

/// What came in, by what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Packets from one host to another, which the rules saw.
    pub routed: u64,
    /// Questions of neighbours.
    pub neighbour: u64,
    /// Packets to addresses that no host has, answered by "network unreachable".
    pub unroutable: u64,
    /// Packets whose hop limit ended here, answered by "time exceeded".
    pub expired: u64,
    /// Multicast, packets for the router itself, and frames it cannot read.
    pub ignored: u64,
}

impl Router {
    /// A router with this many links and no rules: everything passes at once.
    #[must_use]
    pub fn new(ends: usize, seed: u64) -> Self {
        Self {
            links: (0..=u8::MAX).map(End).map(Link::of).take(ends).collect(),
            rules: Vec::new(),
            seed,
            next: 0,
            traffic: Traffic::default(),
        }
    }

    /// Adds a rule after the others.
    pub fn add(&mut self, rule: Rule) -> RuleId {
        let id = RuleId(self.next);
        self.next += 1;
        self.rules.push(Active::new(id, rule, self.seed));
        id
    }

    /// Takes a rule out and says what it has done; `None` if there is none such.
    pub fn remove(&mut self, id: RuleId) -> Option<RuleCount> {
        let place = self.rules.iter().position(|active| active.id == id)?;
        Some(self.rules.remove(place).count())
    }

    /// Forgets the flows of a [`Action::Track`] rule; `false` if there is none such.
    pub fn forget(&mut self, id: RuleId) -> bool {
        let tracked = |active: &&mut Active| {
            active.id == id && matches!(active.rule.action, Action::Track { .. })
        };
        let found = self.rules.iter_mut().find(tracked);
        let known = found.is_some();
        if let Some(active) = found {
            active.flows.forget();
        }
        known
    }

    /// What every rule has done, in their order.
    #[must_use]
    pub fn counts(&self) -> Vec<RuleCount> {
        self.rules.iter().map(Active::count).collect()
    }

    /// The names of some rules, for a comment; a rule that is gone has none.
    #[must_use]
    pub fn names(&self, ids: &[RuleId]) -> String {
        let named = |id: &RuleId| self.rules.iter().find(|active| active.id == *id);
        let names: Vec<_> = ids
            .iter()
            .filter_map(named)
            .map(|active| active.rule.name.as_str())
            .collect();
        names.join(", ")
    }

    /// What came in.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Decides about a frame that came from the host at an end.
    pub fn receive(&mut self, from: End, frame: &[u8], now: Duration, decision: &mut Decision) {
        decision.clear();
        let Some(&link) = self.links.get(from.index()) else {
            return;
        };
        let packet = Packet::read(frame);
        let may_ask = packet.is_none_or(|packet| packet.segment().is_none());
        let request = match may_ask {
            true => neighbour::read(frame, &link),
            false => Request::Other,
        };
        match (request, packet) {
            (Request::Answer(reply), _) => {
                self.traffic.neighbour += 1;
                self.answer_neighbour(from, reply, now, decision);
            }
            (Request::Unanswered, _) => self.traffic.neighbour += 1,
            (Request::Other, Some(packet)) => self.route(&link, &packet, now, decision),
            (Request::Other, None) => self.traffic.ignored += 1,
        }
    }

    fn answer_neighbour(
        &mut self,
        from: End,
        reply: Vec<u8>,
        now: Duration,
        decision: &mut Decision,
    ) {
        let mut at = now;
        for active in &mut self.rules {
            if !active.rule.when.holds_for_neighbour(from) || !active.pick(None) {
                continue;
            }
            match active.rule.action {
                // Means nothing here: the router asks no limit, keeps no flow of itself, and one
                // answer is enough.
                Action::Duplicate { .. } | Action::Limit { .. } | Action::Track { .. } => continue,
                Action::Pass => {}
                Action::Delay { by, jitter } => at += by + active.chance.part_of(jitter),
                Action::Reorder { by } => at += by,
                // A question that nobody hears, or whose answer cannot be read, stays without
                // answer.
                Action::Drop | Action::Reject(_) | Action::Corrupt => {
                    active.note(decision);
                    active.ended += 1;
                    return;
                }
            }
            active.note(decision);
            if active.rule.action == Action::Pass {
                break;
            }
        }
        decision.emissions.push(Emission {
            at,
            to: from,
            frame: reply,
        });
    }

    fn route(&mut self, link: &Link, packet: &Packet<'_>, now: Duration, decision: &mut Decision) {
        let back = |frame| Emission {
            at: now,
            to: link.end,
            frame,
        };
        let to_router =
            [link.gateway.v4.into(), link.gateway.v6.into()].contains(&packet.destination);
        if packet.destination.is_multicast() || to_router {
            self.traffic.ignored += 1;
            return;
        }
        let exit = self
            .links
            .iter()
            .find(|other| other.end != link.end && other.contains(packet.destination));
        let Some(&exit) = exit else {
            self.traffic.unroutable += 1;
            let unreachable = answer::rejection(packet, link, Reject::Network);
            decision.emissions.extend(unreachable.map(back));
            return;
        };
        if packet.hops <= 1 {
            self.traffic.expired += 1;
            decision
                .emissions
                .extend(answer::time_exceeded(packet, link).map(back));
            return;
        }
        self.traffic.routed += 1;
        let course = Course::new(*link, exit, *packet, now);
        walk(&mut self.rules, course, decision);
    }
}
