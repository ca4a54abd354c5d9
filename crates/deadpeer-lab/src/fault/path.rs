//! Carrying out what concerns the network.

use std::net::IpAddr;

use super::deed::{Deed, Side, Unreachable, Way};
use super::destroy::destroy_all_to;
use crate::error::LabError;
use crate::host::Host;
use crate::lab::Lab;
use crate::router::{Action, Condition, Lost, Protocol, Reject, Rule, RuleId};

/// What the deeds so far have cost: the network's own proof that a fault bites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Toll {
    /// Packets lost or rejected by rules.
    pub lost: u64,
    /// Packets delayed by rules.
    pub delayed: u64,
    /// Sockets destroyed.
    pub destroyed: u32,
}

/// The path between our host and the peer's, with what was done to it.
#[derive(Debug)]
pub struct Path {
    ours: String,
    theirs: String,
    rules: Vec<RuleId>,
    nat: Option<RuleId>,
    unplugged: Vec<Side>,
    toll: Toll,
}

impl Path {
    /// The untouched path between two hosts of a lab, by name.
    pub fn new(ours: impl Into<String>, theirs: impl Into<String>) -> Self {
        Self {
            ours: ours.into(),
            theirs: theirs.into(),
            rules: Vec::new(),
            nat: None,
            unplugged: Vec::new(),
            toll: Toll::default(),
        }
    }

    /// Does what a deed says to the network. It is in force when this returns. Deeds of the peer's
    /// program and waits do nothing here.
    ///
    /// # Errors
    /// The lab could not do it.
    pub fn perform(&mut self, lab: &mut Lab, deed: &Deed) -> Result<(), LabError> {
        match *deed {
            Deed::Cut { packets } => self.rule_each(lab, packets, |when| (when, Action::Drop)),
            Deed::Lose { packets, share } => {
                self.rule_each(lab, packets, |when| (when.chance(share), Action::Drop))
            }
            Deed::Delay {
                packets,
                by,
                jitter,
            } => self.rule_each(lab, packets, |when| (when, Action::Delay { by, jitter })),
            Deed::Unreachable { what } => {
                self.rule_each(lab, Way::Ours, |when| {
                    (when, Action::Reject(reject_of(what)))
                })?;
                self.rule_each(lab, Way::Theirs, |when| (when, Action::Drop))
            }
            Deed::Reject {} => self.rule_each(lab, Way::Both, |when| {
                let tcp = when.protocol(Protocol::Tcp);
                (tcp, Action::Reject(Reject::Reset))
            }),
            Deed::Track { resets } => self.track(lab, resets),
            Deed::Forget {} => {
                let nat = self
                    .nat
                    .ok_or_else(|| LabError::Other("there is no NAT that could forget".into()))?;
                lab.wire().forget(nat)?;
                Ok(())
            }
            Deed::Mend {} => self.mend(lab),
            Deed::Unplug { host } => {
                let end = self.host(lab, host)?.end();
                lab.wire().unplug(end)?;
                self.unplugged.push(host);
                Ok(())
            }
            Deed::InterfaceDown { host } => Ok(self.host(lab, host)?.set_interface(false)?),
            Deed::RemoveAddresses { host } => {
                let host = self.host(lab, host)?;
                host.remove_address(host.v4().into())?;
                Ok(host.remove_address(host.v6().into())?)
            }
            Deed::RemoveRoutes { host } => Ok(self.host(lab, host)?.remove_routes()?),
            Deed::Reboot {} => {
                let name = &self.theirs;
                let host = lab.host_mut(name).ok_or_else(|| LabError::no_host(name))?;
                Ok(host.reboot()?)
            }
            Deed::Destroy {} => self.destroy(lab),
            Deed::Wait { .. }
            | Deed::Close {}
            | Deed::Shutdown {}
            | Deed::Abort {}
            | Deed::LeaveUnread {}
            | Deed::Kill {}
            | Deed::Freeze {}
            | Deed::Thaw {}
            | Deed::StopReading {}
            | Deed::ReadSlowly { .. }
            | Deed::Burn {} => Ok(()),
        }
    }

    /// What everything that was done so far has cost.
    ///
    /// # Errors
    /// The wire has stopped.
    pub fn toll(&self, lab: &Lab) -> Result<Toll, LabError> {
        let mut toll = self.toll;
        for count in lab.wire().counts()? {
            if self.rules.contains(&count.id) || self.nat == Some(count.id) {
                toll.lost += count.ended;
                toll.delayed += count.acted - count.ended;
            }
        }
        Ok(toll)
    }

    fn rule_each(
        &mut self,
        lab: &Lab,
        packets: Way,
        rule: impl Fn(Condition) -> (Condition, Action),
    ) -> Result<(), LabError> {
        let (ours, theirs) = (
            self.host(lab, Side::Ours)?.end(),
            self.host(lab, Side::Theirs)?.end(),
        );
        let whose = [
            (Condition::any().from(ours), packets != Way::Theirs, "ours"),
            (
                Condition::any().from(theirs),
                packets != Way::Ours,
                "theirs",
            ),
        ];
        for (when, _, name) in whose.into_iter().filter(|(_, meant, _)| *meant) {
            let (when, action) = rule(when);
            self.rules
                .push(lab.wire().add(Rule::new(name, when, action))?);
        }
        Ok(())
    }

    fn track(&mut self, lab: &Lab, resets: bool) -> Result<(), LabError> {
        let lost = match resets {
            true => Lost::Reset,
            false => Lost::Silent,
        };
        let track = Action::Track { idle: None, lost };
        let rule = Rule::new("nat", Condition::tcp(), track);
        self.nat = Some(lab.wire().add(rule)?);
        Ok(())
    }

    fn mend(&mut self, lab: &Lab) -> Result<(), LabError> {
        for id in self.rules.drain(..) {
            if let Some(count) = lab.wire().remove(id)? {
                self.toll.lost += count.ended;
                self.toll.delayed += count.acted - count.ended;
            }
        }
        for side in std::mem::take(&mut self.unplugged) {
            lab.wire().plug(self.host(lab, side)?.end())?;
        }
        Ok(())
    }

    fn destroy(&mut self, lab: &Lab) -> Result<(), LabError> {
        let theirs = self.host(lab, Side::Theirs)?;
        let addresses: [IpAddr; 2] = [theirs.v4().into(), theirs.v6().into()];
        let ours = self.host(lab, Side::Ours)?;
        self.toll.destroyed += ours
            .enter(|| destroy_all_to(&addresses))?
            .map_err(LabError::io("SOCK_DESTROY"))?;
        Ok(())
    }

    fn host<'lab>(&self, lab: &'lab Lab, side: Side) -> Result<&'lab Host, LabError> {
        let name = match side {
            Side::Ours => &self.ours,
            Side::Theirs => &self.theirs,
        };
        lab.host(name).ok_or_else(|| LabError::no_host(name))
    }
}

fn reject_of(what: Unreachable) -> Reject {
    match what {
        Unreachable::Host => Reject::Host,
        Unreachable::Network => Reject::Network,
        Unreachable::Prohibited => Reject::Prohibited,
        Unreachable::Port => Reject::Port,
    }
}
