//! The path between the server and one client's host.

use std::time::Duration;

use crate::error::LabError;
use crate::host::Host;
use crate::router::{Action, Condition, Reject, Rule, RuleId};
use crate::wire::Wire;

/// A path with the rules in force on it. Rules of other paths never touch it.
#[derive(Debug)]
pub(super) struct Path<'a> {
    wire: &'a Wire,
    server: &'a Host,
    client: &'a Host,
    rules: Vec<RuleId>,
}

impl<'a> Path<'a> {
    /// An untouched path.
    pub(super) fn new(wire: &'a Wire, server: &'a Host, client: &'a Host) -> Self {
        Self {
            wire,
            server,
            client,
            rules: Vec::new(),
        }
    }

    /// Nothing of the server's comes through.
    pub(super) fn cut(&mut self) -> Result<(), LabError> {
        self.replace([(self.out(), Action::Drop)])
    }

    /// Nothing comes through.
    pub(super) fn silence(&mut self) -> Result<(), LabError> {
        self.both(|when| (when, Action::Drop))
    }

    /// The server's packets are turned away, the client's are lost.
    pub(super) fn answer(&mut self, how: Reject) -> Result<(), LabError> {
        self.replace([
            (self.back(), Action::Drop),
            (self.out(), Action::Reject(how)),
        ])
    }

    /// Each packet is lost with this probability.
    pub(super) fn lose(&mut self, share: f64) -> Result<(), LabError> {
        self.both(|when| (when.chance(share), Action::Drop))
    }

    /// Each packet is late.
    pub(super) fn delay(&mut self, by: Duration, jitter: Duration) -> Result<(), LabError> {
        self.both(|when| (when, Action::Delay { by, jitter }))
    }

    /// Everything comes through again.
    pub(super) fn mend(&mut self) -> Result<(), LabError> {
        self.replace([])
    }

    /// How many packets the present rules have lost, turned away or delayed.
    pub(super) fn acted(&self) -> Result<u64, LabError> {
        let counts = self.wire.counts()?;
        let own = counts.iter().filter(|count| self.rules.contains(&count.id));
        Ok(own.map(|count| count.acted).sum())
    }

    fn both(&mut self, rule: impl Fn(Condition) -> (Condition, Action)) -> Result<(), LabError> {
        self.replace([rule(self.out()), rule(self.back())])
    }

    /// Puts new rules in force before the old ones go: nothing slips through between them.
    fn replace<const N: usize>(&mut self, rules: [(Condition, Action); N]) -> Result<(), LabError> {
        let old = std::mem::take(&mut self.rules);
        for (when, action) in rules {
            let rule = Rule::new(self.client.name(), when, action);
            self.rules.push(self.wire.add(rule)?);
        }
        for rule in old {
            self.wire.remove(rule)?;
        }
        Ok(())
    }

    /// The server's packets to this client.
    fn out(&self) -> Condition {
        Condition::any()
            .from(self.server.end())
            .to(self.client.end())
    }

    /// This client's packets to the server.
    fn back(&self) -> Condition {
        Condition::any()
            .from(self.client.end())
            .to(self.server.end())
    }
}
