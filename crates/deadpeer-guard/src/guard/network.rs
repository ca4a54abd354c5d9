//! What may make peers silent and is ours: links, addresses and routes that go, and sleep.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use deadpeer_host::Namespace;
use deadpeer_sys::{RouteEvent, clock, netns};
use ipnet::IpNet;
use tracing::info;

use super::{Guard, SweepError};
use crate::heart::Whom;
use crate::links::Links;

/// A machine that sleeps for less has only been busy.
const SLEEP: Duration = Duration::from_secs(1);

impl Guard {
    /// Takes note of links, addresses and routes that went.
    ///
    /// # Errors
    /// They could not be read.
    pub fn drain_network(&mut self) -> Result<(), SweepError> {
        let census = &self.census;
        for realm in &mut self.realms.all {
            let (links, here, mut ours) = (&realm.links, &realm.here, false);
            // FxHash would have networks collide, whose last bits are all zero.
            let mut gone = HashSet::new();
            realm.network.drain(|event| {
                ours |= match event {
                    RouteEvent::LinkDown { name } => links.has(&name),
                    // That of a container goes with it.
                    RouteEvent::RouteGone { to, length } => {
                        let net = IpNet::new(to, length).ok();
                        gone.extend(net.filter(|net| length < net.max_prefix_len()));
                        false
                    }
                    // Others come and go with the networks of containers.
                    RouteEvent::AddressGone { address } => {
                        here.iter().any(|known| known.to_canonical() == address)
                    }
                    RouteEvent::DefaultRouteGone | RouteEvent::Overrun => true,
                };
            })?;
            if ours || census.has_peer_in(&gone) {
                let number = realm.number();
                info!(
                    netns = number,
                    "a link, an address or a route was lost: nothing behind it is destroyed until every peer has been asked again"
                );
                // What a container loses when it ends is nothing to the others. Through our own
                // namespace go all.
                let whom = match self.own == Some(number) {
                    true => Whom::All,
                    false => Whom::Namespace(number),
                };
                self.heart.network_lost(clock::monotonic(), whom);
            }
        }
        self.note_holds();
        Ok(())
    }

    /// What is readable when there is news of links.
    pub(crate) fn network_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.realms.network_fds()
    }

    pub(super) fn check_links(&mut self) {
        for realm in &mut self.realms.all {
            // One that cannot be entered any more is found out by its table.
            if let Ok(links) = realm.netns.way.run(Links::now) {
                realm.links = links;
            }
        }
    }

    /// We were stopped for longer than the shortest deadline, and saw nothing meanwhile: a machine
    /// may have been, or its clock have jumped.
    pub fn note_stopped(&mut self) {
        info!("the guard was stopped: nothing is destroyed until every peer has been asked again");
        self.heart.slept(clock::monotonic());
    }

    pub(super) fn note_sleep(&mut self) {
        let now = slept();
        if now.saturating_sub(self.slept) > SLEEP {
            info!("the machine slept: nothing is destroyed until every peer has been asked again");
            self.heart.slept(clock::monotonic());
        }
        self.slept = now;
    }
}

/// The number of our own network namespace.
pub(super) fn own_namespace() -> Option<u64> {
    netns::inode(Namespace::Own.open().ok()?).ok()
}

/// How long the machine has slept since it was started.
pub(super) fn slept() -> Duration {
    clock::boottime().saturating_sub(clock::monotonic())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use deadpeer_host::Scope;
    use deadpeer_sys::testing::{in_private_netns, skip};

    use super::*;
    use crate::config::Config;
    use crate::heart::ServiceId;
    use crate::readings::HoldReason;

    /// That of a container goes with it, and what leads to nobody is missed by nobody.
    #[test]
    fn a_route_to_peers_is_ours() {
        in_private_netns(|| {
            let ip = |args: &[&str]| Command::new("ip").args(args).status();
            if !ip(&["link", "set", "lo", "up"]).is_ok_and(|status| status.success()) {
                return skip("there is no ip (Debian: iproute2)");
            }
            let directory = tempfile::tempdir().unwrap();
            let own: Scope = "own".parse().unwrap();
            let guard = Guard::open(Config::default(), own, directory.path().to_owned());
            let mut guard = guard.unwrap();
            for peer in ["192.0.2.7", "2001:db8::7"] {
                guard.census.add(ServiceId(1), peer.parse().unwrap(), None);
            }
            for (route, ours) in [
                ("198.51.100.0/24", false),
                ("192.0.2.7/32", false),
                ("192.0.2.0/24", true),
                ("2001:db8::7/128", false),
                ("2001:db8::/64", true),
            ] {
                for what in ["add", "del"] {
                    assert!(ip(&["route", what, route, "dev", "lo"]).unwrap().success());
                }
                guard.drain_network().unwrap();
                let holds = guard.readings.holding.iter();
                let reasons: Vec<_> = holds.map(|hold| hold.reason).collect();
                assert_eq!(
                    reasons == [HoldReason::Network],
                    ours,
                    "{route}: {reasons:?}"
                );
                guard.resume();
            }
        });
    }
}
