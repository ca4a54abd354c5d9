//! News of links, addresses and routes that go: the multicast groups of rtnetlink(7).

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType};

use crate::{Result, door};

/// Something of this machine's network that went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteEvent {
    /// A link is down, or has no carrier, or is gone.
    LinkDown {
        /// Its name.
        name: Vec<u8>,
    },
    /// An address with more than the link's scope is gone.
    AddressGone {
        /// Which.
        address: IpAddr,
    },
    /// A default route is gone.
    DefaultRouteGone,
    /// Another route is gone.
    RouteGone {
        /// Where it led.
        to: IpAddr,
        /// How many bits of that count.
        length: u8,
    },
    /// The kernel told more than it could keep for us.
    Overrun,
}

/// Announcements of one network namespace. Needs no privilege.
///
/// Its descriptor is readable when there is something to [`drain`](Self::drain); an idle one wakes
/// nobody.
#[derive(Debug)]
pub struct RouteEvents {
    netlink: OwnedFd,
    buffer: Box<[u8]>,
}

const BUFFER: usize = 32 * 1024;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR` and
/// `RTMGRP_IPV6_ROUTE` of include/uapi/linux/rtnetlink.h.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

impl RouteEvents {
    /// Listens in the calling thread's network namespace and stays there.
    ///
    /// # Errors
    /// The netlink socket cannot be made or bound.
    pub fn open() -> Result<Self> {
        let netlink = door::call("socket(NETLINK_ROUTE)", || {
            net::socket_with(
                AddressFamily::NETLINK,
                SocketType::RAW,
                SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                None, // NETLINK_ROUTE is 0.
            )
        })?;
        door::call("bind(NETLINK_ROUTE)", || {
            net::bind(&netlink, &SocketAddrNetlink::new(0, GROUPS))
        })?;
        Ok(Self {
            netlink,
            buffer: vec![0; BUFFER].into_boxed_slice(),
        })
    }

    /// Hands out what went since the last time. Never waits.
    ///
    /// # Errors
    /// Receiving failed.
    pub fn drain(&mut self, mut visit: impl FnMut(RouteEvent)) -> Result<()> {
        loop {
            let (netlink, buffer) = (&self.netlink, &mut *self.buffer);
            let receive = || net::recv(netlink, buffer, RecvFlags::empty()).map(|(_, len)| len);
            match door::filled("recv(NETLINK_ROUTE)", receive) {
                Ok(len) => {
                    let datagram = self.buffer.get(..len).unwrap_or_default();
                    events(datagram).for_each(&mut visit);
                }
                Err(error) => match error.errno {
                    Errno::AGAIN => return Ok(()),
                    Errno::NOBUFS => visit(RouteEvent::Overrun),
                    Errno::INTR => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

impl AsFd for RouteEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.netlink.as_fd()
    }
}

/// What a datagram tells of things that went. Any bytes are read without a panic.
fn events(datagram: &[u8]) -> impl Iterator<Item = RouteEvent> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        // struct nlmsghdr: length, type, flags, sequence, port.
        let len = number(rest, 0)? as usize;
        let kind = u16::from_ne_bytes(rest.get(4..6)?.try_into().ok()?);
        let body = rest.get(16..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(event(kind, body))
    })
    .flatten()
}

fn event(kind: u16, body: &[u8]) -> Option<RouteEvent> {
    const RTM_NEWLINK: u16 = 16;
    const RTM_DELLINK: u16 = 17;
    const RTM_DELADDR: u16 = 21;
    const RTM_DELROUTE: u16 = 25;
    const RT_SCOPE_UNIVERSE: u8 = 0;
    match kind {
        RTM_DELLINK => link(body),
        RTM_NEWLINK if !carries(number(body, 8)?) => link(body),
        // struct ifaddrmsg: family, prefix length, flags, scope.
        RTM_DELADDR if *body.get(3)? == RT_SCOPE_UNIVERSE => address(body),
        RTM_DELROUTE => route(body),
        _ => None,
    }
}

/// struct rtmsg: family, length of the destination, then in the eighth byte its type, and flags.
fn route(body: &[u8]) -> Option<RouteEvent> {
    const RTN_UNICAST: u8 = 1;
    const RTM_F_CLONED: u32 = 0x200;
    const RTA_DST: u16 = 1;
    let length = *body.get(1)?;
    if length == 0 {
        return Some(RouteEvent::DefaultRouteGone);
    }
    // The others are none, or the kernel's own.
    let leads = *body.get(7)? == RTN_UNICAST && number(body, 8)? & RTM_F_CLONED == 0;
    let to = attribute(body.get(12..)?, RTA_DST).filter(|_| leads)?;
    let to = ip(to)?;
    Some(RouteEvent::RouteGone { to, length })
}

/// Behind struct ifaddrmsg. IPv6 has no local address beside the other, which on links between two
/// hosts is the peer's.
fn address(body: &[u8]) -> Option<RouteEvent> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    let attributes = body.get(8..)?;
    let address = attribute(attributes, IFA_LOCAL).or_else(|| attribute(attributes, IFA_ADDRESS));
    let address = ip(address?)?;
    Some(RouteEvent::AddressGone { address })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(<[u8; 4]>::try_from(bytes).ok()?.into()),
        _ => Some(<[u8; 16]>::try_from(bytes).ok()?.into()),
    }
}

/// Whether a link is up and has a carrier (include/uapi/linux/if.h).
fn carries(flags: u32) -> bool {
    const IFF_UP: u32 = 0x1;
    const IFF_LOWER_UP: u32 = 0x1_0000;
    flags & (IFF_UP | IFF_LOWER_UP) == IFF_UP | IFF_LOWER_UP
}

/// By the name among the attributes behind struct ifinfomsg.
fn link(body: &[u8]) -> Option<RouteEvent> {
    const IFLA_IFNAME: u16 = 3;
    let name = attribute(body.get(16..)?, IFLA_IFNAME)?;
    let name = name.split(|byte| *byte == 0).next()?;
    Some(RouteEvent::LinkDown { name: name.into() })
}

/// The value of the first attribute of a kind (struct rtattr: length, kind, value).
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let len = usize::from(u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?);
        let value = attributes.get(4..len)?;
        if kind == wanted {
            return Some(value);
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(16 + body.len()).unwrap();
        let mut bytes = len.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn link_message(flags: u32) -> Vec<u8> {
        let mut body = vec![0; 8];
        body.extend(flags.to_ne_bytes());
        body.extend([0; 4]);
        // An attribute before, then the name.
        body.extend([5, 0, 9, 0, 1, 0, 0, 0]);
        body.extend([9, 0, 3, 0]);
        body.extend(b"eth0\0");
        body
    }

    fn told(bytes: &[u8]) -> Vec<RouteEvent> {
        events(bytes).collect()
    }

    #[test]
    fn links_addresses_and_routes() {
        let down = RouteEvent::LinkDown {
            name: b"eth0".to_vec(),
        };
        assert_eq!(
            told(&message(16, &link_message(0x1))),
            std::slice::from_ref(&down)
        );
        assert_eq!(told(&message(16, &link_message(0x1_0001))), []);
        assert_eq!(told(&message(17, &link_message(0x1_0001))), [down]);
        // The peer's of a link between two, then ours.
        let mut body = vec![2, 32, 0, 0, 1, 0, 0, 0];
        body.extend([8, 0, 1, 0, 192, 0, 2, 1]);
        body.extend([8, 0, 2, 0, 192, 0, 2, 2]);
        let gone = RouteEvent::AddressGone {
            address: [192, 0, 2, 2].into(),
        };
        assert_eq!(told(&message(21, &body)), [gone]);
        body[3] = 253;
        assert_eq!(told(&message(21, &body)), []);
        assert_eq!(
            told(&message(25, &[2, 0, 0, 0])),
            [RouteEvent::DefaultRouteGone]
        );
        assert_eq!(told(&message(24, &[2, 0, 0, 0])), []);
        let route = |kind: u8, cloned: u8| {
            // The table's attribute, then the destination's.
            let mut body = vec![2, 24, 0, 0, 254, 3, 0, kind, 0, cloned, 0, 0];
            body.extend([8, 0, 15, 0, 254, 0, 0, 0]);
            body.extend([8, 0, 1, 0, 192, 0, 2, 0]);
            told(&message(25, &body))
        };
        let gone = RouteEvent::RouteGone {
            to: [192, 0, 2, 0].into(),
            length: 24,
        };
        assert_eq!(route(1, 0), [gone]);
        // A broadcast route, and a part of the cache.
        assert_eq!((route(3, 0), route(1, 2)), (vec![], vec![]));
    }

    #[test]
    fn what_is_cut_off_is_not_guessed_at() {
        let bytes = message(17, &link_message(0));
        let [whole] = &told(&bytes)[..] else {
            panic!("one event")
        };
        for cut in 0..bytes.len() {
            let told = told(&bytes[..cut]);
            assert!(
                told.is_empty() || told == [whole.clone()],
                "{cut}: {told:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = told(&bytes);
        }
    }
}
