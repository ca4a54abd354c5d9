//! One socket as the kernel describes it: `struct inet_diag_msg` and its attributes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU32;

use deadpeer_core::TcpState;
use zerocopy::big_endian::U16 as Be16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::message::Malformed;

/// A TCP socket of the dumped network namespace, borrowed from the receive buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket<'a> {
    /// Which kind of socket it is. An IPv6 socket may carry an IPv4 connection.
    pub family: Family,
    /// The local end. An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`) is shown as IPv4.
    pub local: SocketAddr,
    /// The peer; the unspecified address with port 0 for a listener.
    pub peer: SocketAddr,
    /// The state. A connection request in a listener's queue is shown as SYN_RECV.
    pub state: TcpState,
    /// The socket's number in this boot, never used again: what `SO_COOKIE` says.
    #[doc(alias = "SO_COOKIE")]
    pub cookie: u64,
    /// The number in `socket:[...]` under `/proc/PID/fd`; `None` when no descriptor was ever made
    /// for it (a queue entry) or its descriptor is closed (an orphan, TIME_WAIT).
    pub inode: Option<NonZeroU32>,
    /// The user it belongs to, as seen from our user namespace.
    pub uid: u32,
    /// Bytes received and not yet read; for a listener, connections waiting for accept().
    #[doc(alias = "idiag_rqueue")]
    pub rqueue: u32,
    /// Bytes written and not yet acknowledged; for a listener, the longest queue it allows.
    #[doc(alias = "idiag_wqueue")]
    pub wqueue: u32,
    /// The timer that runs, if one does. The kernel shows one at most, and keepalive last.
    pub timer: Option<ArmedTimer>,
    /// The interface the socket is bound to (`SO_BINDTODEVICE`).
    pub interface: Option<NonZeroU32>,
    /// The cgroup v2 it was made in (Linux 5.7): the inode number of the cgroup's directory.
    pub cgroup: Option<u64>,
    /// Whether an IPv6 socket refuses IPv4 (`IPV6_V6ONLY`); `None` for IPv4 sockets.
    pub v6only: Option<bool>,
    /// Whether it is a part of a Multipath TCP connection (Linux 5.6): its descriptor is that of
    /// the whole, under the same number. Told with TCP_INFO alone.
    #[doc(alias = "INET_DIAG_ULP_INFO")]
    pub multipath: bool,
    /// `struct tcp_info` as long as this kernel makes it; `None` when not asked for or in a state
    /// without.
    #[doc(alias = "INET_DIAG_INFO")]
    pub tcp_info: Option<&'a [u8]>,
}

/// The address family of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
}

/// A timer of the kernel that is running on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArmedTimer {
    /// What happens when it fires.
    pub kind: TimerKind,
    /// Milliseconds until it fires, before the timer wheel's rounding; 0 when it is due.
    pub expires_in_ms: u32,
    /// What was already sent without an answer: retransmissions, or probes.
    #[doc(alias = "idiag_retrans")]
    pub unanswered: u8,
}

/// What a running timer is for (net/ipv4/inet_diag.c, `inet_sk_diag_fill`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimerKind {
    /// Unacknowledged data is sent again (also the tail-loss probe and the reordering timer).
    Retransmit,
    /// The keepalive probe, or the life of a connection that waits for the peer's FIN.
    Keepalive,
    /// The end of TIME_WAIT, or of an orphan's FIN_WAIT2.
    TimeWait,
    /// A probe of the peer's closed window.
    ZeroWindowProbe,
    /// A kind that this version doesn't know, with the kernel's number.
    Other(u8),
}

impl<'a> Socket<'a> {
    /// A socket of which nothing else is known.
    #[must_use]
    pub fn new(state: TcpState, local: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            family: match local {
                SocketAddr::V4(_) => Family::V4,
                SocketAddr::V6(_) => Family::V6,
            },
            local,
            peer,
            state,
            cookie: 0,
            inode: None,
            uid: 0,
            rqueue: 0,
            wqueue: 0,
            timer: None,
            interface: None,
            cgroup: None,
            v6only: None,
            multipath: false,
            tcp_info: None,
        }
    }

    /// Bytes of a connection that its program has not read. The kernel counts the peer's FIN as one
    /// more byte until the program has read the end (net/ipv4/tcp_diag.c, `tcp_diag_get_info`;
    /// net/ipv4/tcp.c, `tcp_recvmsg_locked`).
    #[must_use]
    pub fn unread(&self) -> u32 {
        let end = u32::from(self.state.peer_has_finished());
        self.rqueue.saturating_sub(end)
    }

    /// Reads `struct inet_diag_msg` and its attributes. `Ok(None)`: a family or a state nobody
    /// asked for.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let (raw, attributes) = RawSocket::read_from_prefix(payload)
            .map_err(|_| Malformed::ShortSocket { len: payload.len() })?;
        let (Some(family), Some(state)) = (
            Family::from_kernel(raw.family),
            TcpState::from_kernel(raw.state),
        ) else {
            return Ok(None);
        };
        let id = raw.id;
        let mut socket = Self {
            family,
            cookie: u64::from(id.cookie[0]) | u64::from(id.cookie[1]) << 32,
            inode: NonZeroU32::new(raw.inode),
            uid: raw.uid,
            rqueue: raw.rqueue,
            wqueue: raw.wqueue,
            timer: ArmedTimer::from_kernel(raw.timer, raw.expires, raw.retrans),
            interface: NonZeroU32::new(id.interface),
            ..Self::new(
                state,
                address(family, id.src, id.sport, id.interface),
                address(family, id.dst, id.dport, id.interface),
            )
        };
        socket.read_attributes(attributes)?;
        Ok(Some(socket))
    }

    fn read_attributes(&mut self, attributes: &'a [u8]) -> Result<(), Malformed> {
        each_attribute(attributes, |kind, value| match kind {
            INET_DIAG_INFO => self.tcp_info = Some(value),
            INET_DIAG_SKV6ONLY => self.v6only = value.first().map(|flag| *flag != 0),
            INET_DIAG_CGROUP_ID => self.cgroup = value.try_into().ok().map(u64::from_ne_bytes),
            INET_DIAG_ULP_INFO => self.multipath = is_multipath(value),
            _ => {}
        })
    }
}

fn each_attribute<'a>(
    mut rest: &'a [u8],
    mut visit: impl FnMut(u16, &'a [u8]),
) -> Result<(), Malformed> {
    while let Ok((header, after)) = RawAttribute::read_from_prefix(rest) {
        let len = usize::from(header.len);
        let Some(value) = len
            .checked_sub(size_of::<RawAttribute>())
            .and_then(|len| after.get(..len))
        else {
            return Err(Malformed::Attribute {
                len,
                left: rest.len(),
            });
        };
        visit(header.kind & NLA_TYPE_MASK, value);
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(())
}

/// Whether what lies above a connection is Multipath TCP (net/mptcp/subflow.c, `subflow_ulp_ops`).
/// What can't be read is not.
fn is_multipath(above: &[u8]) -> bool {
    let mut is_it = false;
    let read = each_attribute(above, |kind, value| {
        is_it |= kind == INET_ULP_INFO_NAME && value.starts_with(b"mptcp\0");
    });
    is_it && read.is_ok()
}

impl Family {
    fn from_kernel(family: u8) -> Option<Self> {
        match i32::from(family) {
            libc::AF_INET => Some(Self::V4),
            libc::AF_INET6 => Some(Self::V6),
            _ => None,
        }
    }
}

impl ArmedTimer {
    /// A timer by the kernel's number; `None` for 0, which stands for none.
    #[must_use]
    #[doc(alias = "idiag_timer")]
    pub fn from_kernel(kind: u8, expires_in_ms: u32, unanswered: u8) -> Option<Self> {
        let kind = match kind {
            0 => return None,
            1 => TimerKind::Retransmit,
            2 => TimerKind::Keepalive,
            3 => TimerKind::TimeWait,
            4 => TimerKind::ZeroWindowProbe,
            other => TimerKind::Other(other),
        };
        Some(Self {
            kind,
            expires_in_ms,
            unanswered,
        })
    }
}

fn address(family: Family, bytes: [u8; 16], port: Be16, interface: u32) -> SocketAddr {
    let port = port.get();
    match family {
        Family::V4 => {
            let [a, b, c, d, ..] = bytes;
            SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
        }
        Family::V6 => {
            let address = Ipv6Addr::from(bytes);
            if let Some(v4) = address.to_ipv4_mapped() {
                return SocketAddr::new(IpAddr::V4(v4), port);
            }
            let scope = if address.is_unicast_link_local() {
                interface
            } else {
                0
            };
            SocketAddr::V6(SocketAddrV6::new(address, port, 0, scope))
        }
    }
}

/// `struct inet_diag_msg` (include/uapi/linux/inet_diag.h).
#[derive(FromBytes, KnownLayout, Immutable)]
#[repr(C)]
struct RawSocket {
    family: u8,
    state: u8,
    timer: u8,
    retrans: u8,
    id: RawId,
    expires: u32,
    rqueue: u32,
    wqueue: u32,
    uid: u32,
    inode: u32,
}

/// `struct inet_diag_sockid`: addresses in network order, the rest in the machine's.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy)]
#[repr(C)]
pub(super) struct RawId {
    pub(super) sport: Be16,
    pub(super) dport: Be16,
    pub(super) src: [u8; 16],
    pub(super) dst: [u8; 16],
    pub(super) interface: u32,
    pub(super) cookie: [u32; 2],
}

/// `struct nlattr` (include/uapi/linux/netlink.h).
#[derive(FromBytes, KnownLayout, Immutable)]
#[repr(C)]
struct RawAttribute {
    len: u16,
    kind: u16,
}

/// Takes the "nested" and "network order" flags away (`NLA_TYPE_MASK`).
const NLA_TYPE_MASK: u16 = 0x3fff;
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_SKV6ONLY: u16 = 11;
const INET_DIAG_ULP_INFO: u16 = 19;
const INET_DIAG_CGROUP_ID: u16 = 21;
/// Within `INET_DIAG_ULP_INFO`.
const INET_ULP_INFO_NAME: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_the_kernels() {
        assert_eq!(size_of::<RawSocket>(), 72);
        assert_eq!(size_of::<RawId>(), 48);
        assert_eq!(size_of::<RawAttribute>(), 4);
    }

    #[test]
    fn mapped_addresses_are_shown_as_ipv4() {
        let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
        assert_eq!(
            address(Family::V6, mapped, Be16::new(80), 3),
            "192.0.2.1:80".parse().unwrap()
        );
    }

    #[test]
    fn the_end_is_no_byte() {
        let of = |state, rqueue| Socket {
            rqueue,
            ..Socket::new(
                state,
                "192.0.2.1:80".parse().unwrap(),
                "192.0.2.2:4000".parse().unwrap(),
            )
        };
        assert_eq!(of(TcpState::CloseWait, 13).unread(), 12);
        assert_eq!(of(TcpState::CloseWait, 0).unread(), 0);
        assert_eq!(of(TcpState::Established, 12).unread(), 12);
    }

    #[test]
    fn only_link_local_addresses_have_a_scope() {
        let local: Ipv6Addr = "fe80::1".parse().unwrap();
        let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!(
            address(Family::V6, local.octets(), Be16::new(1), 3).to_string(),
            "[fe80::1%3]:1"
        );
        assert_eq!(
            address(Family::V6, global.octets(), Be16::new(1), 3).to_string(),
            "[2001:db8::1]:1"
        );
    }
}
