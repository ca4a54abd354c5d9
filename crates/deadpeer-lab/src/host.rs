//! Hosts: network namespaces with one interface, two addresses and a default route.

mod netlink;
mod process;
mod setup;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;

use deadpeer_sys::netns;

pub(crate) use netlink::{Netlink, index};
pub use process::Process;
pub(crate) use setup::{plug, wire_interface};

use crate::enclosure;
use crate::error::LabError;
use crate::router::{End, Link, PREFIX_V4, PREFIX_V6};

/// What the interface of every host is called.
const INTERFACE: &str = "eth0";

/// A host: a network namespace, held by this value and by whatever runs in it, and gone with the
/// last of them.
#[derive(Debug)]
pub struct Host {
    name: String,
    link: Link,
    namespace: OwnedFd,
}

impl Host {
    pub(crate) fn new(name: String, end: End, mtu: u32, wire: impl AsFd) -> Result<Self, LabError> {
        let host = Self {
            name,
            link: Link::of(end),
            namespace: netns::private(netns::open_current)??,
        };
        plug(&host, mtu, wire.as_fd())?;
        Ok(host)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The end of the wire it hangs on, which rules name.
    #[must_use]
    pub fn end(&self) -> End {
        self.link.end
    }

    /// Its IPv4 address.
    #[must_use]
    pub fn v4(&self) -> Ipv4Addr {
        self.link.host.v4
    }

    /// Its IPv6 address.
    #[must_use]
    pub fn v6(&self) -> Ipv6Addr {
        self.link.host.v6
    }

    /// Both ends' addresses of its link.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Runs a closure in the host, on a thread of its own. Sockets it makes stay in the host
    /// wherever they go, threads it starts too.
    ///
    /// # Errors
    /// The namespace could not be entered: needs the enclosure that the host was made in.
    ///
    /// # Panics
    /// With the panic of `work`.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        Ok(netns::enter(&self.namespace, work)?)
    }

    /// Starts a program in the host. It has the caller's user and, unless that is root, no
    /// capability.
    ///
    /// The program is killed when the returned value is dropped.
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn(&self, command: &mut Command) -> Result<Process, LabError> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.env_remove(enclosure::MARK);
        let started = self.enter(|| {
            rustix::thread::clear_ambient_capability_set()?;
            command.spawn()
        })?;
        started
            .map(Process::new)
            .map_err(LabError::io(format!("starting {program:?}")))
    }

    /// Sets a sysctl of the host's network namespace, written in dots: `net.ipv4.tcp_retries2`.
    ///
    /// # Errors
    /// The kernel has no such sysctl, or not for each namespace, or refuses the value.
    pub fn sysctl(&self, name: &str, value: impl ToString) -> Result<(), LabError> {
        let value = value.to_string();
        self.enter(|| setup::write_sysctl(name, &value))?
    }

    /// The machine as it comes back after a power cut: the same addresses, but no connection, no
    /// listener and no sysctl that was set. What ran in it runs on, cut off from every network,
    /// until it is killed.
    ///
    /// # Errors
    /// The kernel refused a namespace.
    pub fn reboot(&mut self) -> Result<(), LabError> {
        let fresh = netns::private(netns::open_current)??;
        setup::replug(self, fresh.as_fd())?;
        self.namespace = fresh;
        Ok(())
    }

    /// Sets the host's own interface up or down, as `ip link set` does. Going down flushes its IPv6
    /// address and its routes; going up gives them back.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn set_interface(&self, up: bool) -> Result<(), LabError> {
        self.netlink(|netlink| {
            netlink.set_up(INTERFACE, up)?;
            if up {
                setup::number(netlink, &self.link)?;
            }
            Ok(())
        })
    }

    /// Removes one of the host's addresses from its interface.
    ///
    /// # Errors
    /// It has no such address.
    pub fn remove_address(&self, address: IpAddr) -> Result<(), LabError> {
        self.netlink(|netlink| netlink.remove_address(INTERFACE, address, prefix(address)))
    }

    /// Adds an address of the host's link to its interface.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn add_address(&self, address: IpAddr) -> Result<(), LabError> {
        self.netlink(|netlink| netlink.add_address(INTERFACE, address, prefix(address)))
    }

    /// Removes the default routes of both families: everything but the own link becomes
    /// unreachable.
    ///
    /// # Errors
    /// They are gone already.
    pub fn remove_routes(&self) -> Result<(), LabError> {
        self.netlink(|netlink| {
            setup::gateways(&self.link)
                .into_iter()
                .try_for_each(|gateway| netlink.remove_default_route(gateway))
        })
    }

    /// Adds the default routes again.
    ///
    /// # Errors
    /// The interface is down or has lost its address.
    pub fn add_routes(&self) -> Result<(), LabError> {
        self.netlink(|netlink| {
            setup::gateways(&self.link)
                .into_iter()
                .try_for_each(|gateway| netlink.add_default_route(gateway))
        })
    }

    fn netlink(
        &self,
        work: impl FnOnce(&mut Netlink) -> Result<(), LabError> + Send,
    ) -> Result<(), LabError> {
        self.enter(|| work(&mut Netlink::open()?))?
    }
}

impl AsFd for Host {
    /// The network namespace.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

fn prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => PREFIX_V4,
        IpAddr::V6(_) => PREFIX_V6,
    }
}
