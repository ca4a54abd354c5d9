//! The few requests of rtnetlink(7) that a lab needs, one acknowledged before the next is sent.
//!
//! The message formats come from the rust-netlink project; its asynchronous client, `rtnetlink`,
//! would bring a tokio runtime along for a dozen requests that are made once and in order.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rustix::net::netdevice;
use rustix::net::{AddressFamily as Family, SocketFlags, SocketType, socket_with};

use crate::error::LabError;

/// A request that rtnetlink did not grant.
fn refused(request: &str) -> impl Fn(io::Error) -> LabError {
    move |source| LabError::Io {
        what: format!("netlink, {request}"),
        source,
    }
}

/// One end of a veth pair that is to be made.
pub(crate) struct VethEnd<'a> {
    pub(crate) name: &'a str,
    /// `None`: the kernel chooses.
    pub(crate) mac: Option<[u8; 6]>,
    /// Where it goes; `None`: the namespace of the socket.
    pub(crate) namespace: Option<BorrowedFd<'a>>,
}

/// A route socket of the namespace it was opened in.
pub(crate) struct Netlink {
    socket: Socket,
}

impl Netlink {
    /// Opens a socket in the calling thread's network namespace.
    pub(crate) fn open() -> Result<Self, LabError> {
        let opened = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            Ok(Self { socket })
        };
        opened().map_err(refused("open a socket"))
    }

    /// Makes a veth pair, both ends down.
    pub(crate) fn add_veth(
        &mut self,
        near: &VethEnd<'_>,
        far: &VethEnd<'_>,
        mtu: u32,
    ) -> Result<(), LabError> {
        let request = format!("add veth {} to {}", near.name, far.name);
        let mut message = link(near, mtu);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(link(far, mtu)))),
        ]));
        self.request(
            &request,
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Sets an interface up or down.
    pub(crate) fn set_up(&mut self, interface: &str, up: bool) -> Result<(), LabError> {
        let request = format!("set {interface} {}", if up { "up" } else { "down" });
        let mut message = LinkMessage::default();
        message.header.index = index(interface)?;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up {
            LinkFlags::Up
        } else {
            LinkFlags::empty()
        };
        self.request(&request, RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Moves an interface to another namespace, where it is down and has no address.
    pub(crate) fn move_to(
        &mut self,
        interface: &str,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), LabError> {
        let mut message = LinkMessage::default();
        message.header.index = index(interface)?;
        message.attributes = vec![LinkAttribute::NetNsFd(namespace.as_raw_fd())];
        self.request(
            &format!("move {interface} to another namespace"),
            RouteNetlinkMessage::SetLink(message),
            0,
        )
    }

    /// Adds an address, usable at once: without duplicate address detection.
    pub(crate) fn add_address(
        &mut self,
        interface: &str,
        address: IpAddr,
        prefix: u8,
    ) -> Result<(), LabError> {
        let message = RouteNetlinkMessage::NewAddress(address_of(interface, address, prefix)?);
        self.request(
            &format!("add address {address}"),
            message,
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    /// Removes an address.
    pub(crate) fn remove_address(
        &mut self,
        interface: &str,
        address: IpAddr,
        prefix: u8,
    ) -> Result<(), LabError> {
        let message = RouteNetlinkMessage::DelAddress(address_of(interface, address, prefix)?);
        self.request(&format!("remove address {address}"), message, 0)
    }

    /// Adds a default route through a gateway of a directly attached network.
    pub(crate) fn add_default_route(&mut self, gateway: IpAddr) -> Result<(), LabError> {
        self.request(
            &format!("add default route through {gateway}"),
            RouteNetlinkMessage::NewRoute(default_route(gateway)),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    /// Removes the default route through a gateway.
    pub(crate) fn remove_default_route(&mut self, gateway: IpAddr) -> Result<(), LabError> {
        self.request(
            &format!("remove default route through {gateway}"),
            RouteNetlinkMessage::DelRoute(default_route(gateway)),
            0,
        )
    }

    /// Sends a request and waits for its acknowledgment, which the kernel sends before the call
    /// returns.
    fn request(
        &mut self,
        request: &str,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), LabError> {
        let failed = refused(request);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map_err(&failed)?;

        let (answer, _) = self.socket.recv_from_full().map_err(&failed)?;
        let answer =
            NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(|error| {
                failed(io::Error::new(
                    io::ErrorKind::InvalidData,
                    error.to_string(),
                ))
            })?;
        let NetlinkPayload::Error(error) = answer.payload else {
            return Err(failed(io::ErrorKind::InvalidData.into()));
        };
        match error.code {
            None => Ok(()),
            Some(_) => Err(failed(error.to_io())),
        }
    }
}

fn link(end: &VethEnd<'_>, mtu: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    let attributes = &mut message.attributes;
    attributes.push(LinkAttribute::IfName(end.name.to_owned()));
    attributes.push(LinkAttribute::Mtu(mtu));
    attributes.extend(end.mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
    attributes.extend(
        end.namespace
            .map(|namespace| LinkAttribute::NetNsFd(namespace.as_raw_fd())),
    );
    message
}

fn address_of(interface: &str, address: IpAddr, prefix: u8) -> Result<AddressMessage, LabError> {
    let mut message = AddressMessage::default();
    message.header.index = index(interface)?;
    message.header.prefix_len = prefix;
    message.header.scope = AddressScope::Universe;
    message.header.family = family(address);
    message.header.flags = match address {
        IpAddr::V4(_) => AddressHeaderFlags::empty(),
        IpAddr::V6(_) => AddressHeaderFlags::Nodad,
    };
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    Ok(message)
}

fn default_route(gateway: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(gateway);
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Gateway(gateway.into())];
    message
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// The index of an interface in the calling thread's network namespace.
pub(crate) fn index(interface: &str) -> Result<u32, LabError> {
    socket_with(Family::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .and_then(|socket| netdevice::name_to_index(socket, interface))
        .map_err(|errno| refused(&format!("find {interface}"))(errno.into()))
}
