//! How a host gets its interface and the wire its end of it.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use deadpeer_sys::netns;
use deadpeer_sys::packet::switch_off_offloads;

use super::netlink::{Netlink, VethEnd};
use super::{Host, INTERFACE};
use crate::error::LabError;
use crate::router::{End, Link, PREFIX_V4, PREFIX_V6};

/// What the wire's interface of an end is called.
pub(crate) fn wire_interface(end: End) -> String {
    format!("end{}", end.0)
}

/// Joins a host to the wire's namespace by a veth pair, and makes its end ready.
pub(crate) fn plug(host: &Host, mtu: u32, wire: BorrowedFd<'_>) -> Result<(), LabError> {
    let link = host.link();
    quiet(host.as_fd())?;
    netns::enter(wire, || {
        let mut netlink = Netlink::open()?;
        let near = VethEnd {
            name: &wire_interface(link.end),
            mac: None,
            namespace: None,
        };
        let far = VethEnd {
            name: INTERFACE,
            mac: Some(link.host.mac),
            namespace: Some(host.as_fd()),
        };
        netlink.add_veth(&near, &far, mtu)?;
        netlink.set_up(near.name, true)
    })??;
    settle(host.as_fd(), link)
}

/// Takes the interface of a host to a fresh namespace, with everything it had at its start.
pub(super) fn replug(host: &Host, fresh: BorrowedFd<'_>) -> Result<(), LabError> {
    quiet(fresh)?;
    host.enter(|| Netlink::open()?.move_to(INTERFACE, fresh))??;
    settle(fresh, host.link())
}

/// Brings up the interface of a host, now in its namespace.
fn settle(namespace: BorrowedFd<'_>, link: &Link) -> Result<(), LabError> {
    netns::enter(namespace, || {
        switch_off_offloads(INTERFACE)?;
        let mut netlink = Netlink::open()?;
        netlink.set_up(INTERFACE, true)?;
        number(&mut netlink, link)
    })?
}

/// Addresses and default routes, both families; what is there already stays.
pub(super) fn number(netlink: &mut Netlink, link: &Link) -> Result<(), LabError> {
    netlink.add_address(INTERFACE, link.host.v4.into(), PREFIX_V4)?;
    netlink.add_address(INTERFACE, link.host.v6.into(), PREFIX_V6)?;
    gateways(link)
        .into_iter()
        .try_for_each(|gateway| netlink.add_default_route(gateway))
}

pub(super) fn gateways(link: &Link) -> [IpAddr; 2] {
    [link.gateway.v4.into(), link.gateway.v6.into()]
}

/// No link-local addresses and no router solicitations: packets that no experiment asked for.
fn quiet(namespace: BorrowedFd<'_>) -> Result<(), LabError> {
    netns::enter(namespace, || {
        for (name, value) in [
            ("addr_gen_mode", "1"),
            ("accept_dad", "0"),
            ("accept_ra", "0"),
            ("router_solicitations", "0"),
        ] {
            write_sysctl(&format!("net.ipv6.conf.default.{name}"), value)?;
        }
        Ok(())
    })?
}

/// Writes a sysctl of the calling thread's network namespace.
pub(super) fn write_sysctl(name: &str, value: &str) -> Result<(), LabError> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    std::fs::write(path, value).map_err(LabError::io(format!("sysctl {name} = {value}")))
}
