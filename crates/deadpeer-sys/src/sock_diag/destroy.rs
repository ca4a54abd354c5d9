//! Destroying a socket: what `ss -K` does (Linux 4.5, `CONFIG_INET_DIAG_DESTROY`, `CAP_NET_ADMIN`).
//!
//! The kernel finds the socket by its ends *and* its cookie (net/ipv4/inet_diag.c,
//! `inet_diag_find_one_icsk`): a new connection between the same ends is never taken for the one
//! that was meant.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;

use rustix::io::Errno;
use zerocopy::big_endian::U16 as Be16;
use zerocopy::{Immutable, IntoBytes};

use super::dump::{DumpError, NLM_F_REQUEST, SockDiag};
use super::message::Header;
use super::socket::{Family, RawId, Socket};
use super::states::States;

/// One socket of the namespace and no other, now or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId {
    /// Which kind of socket it is.
    pub family: Family,
    /// The local end.
    pub local: SocketAddr,
    /// The peer.
    pub peer: SocketAddr,
    /// The interface it is bound to.
    pub interface: Option<NonZeroU32>,
    /// The socket's number in this boot.
    pub cookie: u64,
}

/// A socket that was not destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestroyError {
    /// There is no such socket (any more): it was closed, or something else is between these ends
    /// now.
    Gone,
    /// Destroying takes `CAP_NET_ADMIN` in the user namespace that owns the network namespace.
    NotPermitted,
    /// This kernel can't: it is older than Linux 4.5, or built without `CONFIG_INET_DIAG_DESTROY`.
    Unsupported,
    /// The kernel refused for another reason.
    Refused(Errno),
    /// The kernel could not be asked.
    Ask(DumpError),
}

impl std::error::Error for DestroyError {}

impl fmt::Display for DestroyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the socket is gone"),
            Self::NotPermitted => f.write_str("destroying a socket needs CAP_NET_ADMIN"),
            Self::Unsupported => {
                f.write_str("this kernel cannot destroy sockets: it lacks CONFIG_INET_DIAG_DESTROY")
            }
            Self::Refused(errno) => write!(f, "sock_diag refused to destroy the socket: {errno}"),
            Self::Ask(error) => error.fmt(f),
        }
    }
}

impl From<DumpError> for DestroyError {
    fn from(error: DumpError) -> Self {
        Self::Ask(error)
    }
}

impl Socket<'_> {
    /// What names this socket to the kernel.
    #[must_use]
    pub fn id(&self) -> SocketId {
        SocketId {
            family: self.family,
            local: self.local,
            peer: self.peer,
            interface: self.interface,
            cookie: self.cookie,
        }
    }
}

impl SockDiag {
    /// Destroys a socket. The peer gets an RST; whoever holds the socket gets `ECONNABORTED` from
    /// its next or pending call (net/ipv4/tcp.c, `tcp_abort`). A listener is closed with everything
    /// in its queue.
    ///
    /// # Errors
    /// The socket is as it was.
    #[doc(alias = "SOCK_DESTROY")]
    pub fn destroy(&mut self, socket: &SocketId) -> Result<(), DestroyError> {
        // What is left of an abandoned dump concerns nobody.
        let _ = self.finish_dump();
        match self.ask_one(Question::of(socket), |_| ())? {
            Ok(()) | Err(None) => Ok(()),
            Err(Some(errno)) => Err(match errno {
                Errno::NOENT | Errno::STALE => DestroyError::Gone,
                Errno::PERM | Errno::ACCESS => DestroyError::NotPermitted,
                Errno::OPNOTSUPP => DestroyError::Unsupported,
                other => DestroyError::Refused(other),
            }),
        }
    }

    /// Whether this kernel can destroy sockets at all, found out by asking for one that cannot
    /// exist. Says nothing about the privilege.
    ///
    /// # Errors
    /// The question could not be asked.
    pub fn can_destroy(&mut self) -> Result<bool, DestroyError> {
        match self.destroy(&SocketId::nobody(Family::V4)) {
            Ok(()) | Err(DestroyError::Gone | DestroyError::NotPermitted) => Ok(true),
            Err(DestroyError::Unsupported) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2` (include/uapi/linux/inet_diag.h).
#[derive(IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Question {
    pub(super) header: Header,
    family: u8,
    protocol: u8,
    pub(super) ext: u8,
    pad: u8,
    states: u32,
    pub(super) id: RawId,
}

impl Question {
    pub(super) fn of(socket: &SocketId) -> Self {
        let family = match socket.family {
            Family::V4 => libc::AF_INET,
            Family::V6 => libc::AF_INET6,
        };
        Self {
            header: Header {
                len: size_of::<Self>() as u32,
                kind: SOCK_DESTROY,
                flags: NLM_F_REQUEST | NLM_F_ACK,
                seq: 0,
                port: 0,
            },
            family: family as u8,
            protocol: libc::IPPROTO_TCP as u8,
            ext: 0,
            pad: 0,
            states: u32::MAX,
            id: RawId {
                sport: Be16::new(socket.local.port()),
                dport: Be16::new(socket.peer.port()),
                src: octets(socket.family, socket.local.ip()),
                dst: octets(socket.family, socket.peer.ip()),
                interface: socket.interface.map_or(0, NonZeroU32::get),
                cookie: [socket.cookie as u32, (socket.cookie >> 32) as u32],
            },
        }
    }

    /// Of every socket of a family in these states.
    pub(super) fn any(family: Family, states: States) -> Self {
        Self {
            states: states.mask(),
            ..Self::of(&SocketId::nobody(family))
        }
    }
}

impl SocketId {
    /// Between addresses that connect nothing, with a cookie that no socket has.
    fn nobody(family: Family) -> Self {
        let unspecified = match family {
            Family::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        let nowhere = SocketAddr::new(unspecified, 0);
        Self {
            family,
            local: nowhere,
            peer: nowhere,
            interface: None,
            cookie: 0,
        }
    }
}

/// An address as the kernel takes it: IPv4 in the first word, or mapped where the socket is of
/// IPv6.
fn octets(family: Family, address: IpAddr) -> [u8; 16] {
    match (family, address) {
        (_, IpAddr::V6(address)) => address.octets(),
        (Family::V6, IpAddr::V4(address)) => address.to_ipv6_mapped().octets(),
        (Family::V4, IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
    }
}

/// include/uapi/linux/sock_diag.h.
const SOCK_DESTROY: u16 = 21;
const NLM_F_ACK: u16 = 0x4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_has_the_kernels_layout() {
        assert_eq!(size_of::<Question>(), 16 + 56);
    }
}
