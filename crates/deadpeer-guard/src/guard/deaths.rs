//! Connections that died.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use deadpeer_core::TcpState;
use deadpeer_host::Socket;
use tracing::error;

use super::{Guard, SweepError, Tell};
use crate::event::{Died, Event};

impl Guard {
    /// Tells of the connections that died since the last time. Should they not be readable, the log
    /// says so.
    pub(crate) fn hear_deaths(&mut self, tell: Tell<'_>) {
        if let Err(error) = self.drain_deaths(tell) {
            error!("deaths could not be read: {error}");
        }
    }

    /// Tells of the connections that died since the last time.
    ///
    /// # Errors
    /// They could not be read.
    fn drain_deaths(&mut self, tell: Tell<'_>) -> Result<(), SweepError> {
        let mut lost = Some(0);
        for (namespace, deaths) in self.realms.deaths() {
            let (choice, config) = (&self.choice, &self.config);
            let destroyed = &mut self.destroyed;
            deaths.drain(|death| {
                let state = death.last.state.unwrap_or(TcpState::Established);
                let mut socket = Socket::new(state, death.local, death.peer);
                socket.uid = death.uid.unwrap_or(u32::MAX);
                socket.cgroup = death.cgroup;
                let namespace = namespace.or(death.netns.as_ref().map(|netns| netns.number));
                let owner = death.owner.as_ref().map(|owner| &*owner.process);
                let policy = choice.policy_of(namespace, &socket, false, owner.into_iter());
                let policy = policy.and_then(|place| config.policies.get(place));
                tell(&Event::Died(Box::new(Died {
                    namespace,
                    policy: policy.map(|policy| policy.name.clone()),
                    by_guard: destroyed.remove(&death.cookie),
                    death: death.clone(),
                })));
            })?;
            lost = lost.zip(deaths.lost()).map(|(all, lost)| all + lost);
        }
        self.readings.deaths_lost = lost;
        Ok(())
    }

    /// What is readable when connections have died.
    pub(crate) fn deaths_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.realms.deaths_fds()
    }

    /// When deaths have to be read although nothing is readable.
    pub(crate) fn deaths_due(&self, now: Instant) -> Option<Instant> {
        self.realms.deaths_due(now)
    }
}
