//! SOCK_DESTROY: what `ss -K` does to a socket (Linux 4.5, `CONFIG_INET_DIAG_DESTROY`,
//! `CAP_NET_ADMIN`).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{Family, Request, SockDiag, States};
use netlink_sys::{Socket, SocketAddr as NetlinkAddr, protocols::NETLINK_SOCK_DIAG};

/// `SOCK_DESTROY` of include/uapi/linux/sock_diag.h.
const SOCK_DESTROY: u16 = 21;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST_ACK: u16 = 0x1 | 0x4;
const IPPROTO_TCP: u8 = 6;
const HEADER: usize = 16;

/// A socket by the numbers that name it to the kernel.
struct Name {
    v6: bool,
    local: SocketAddr,
    peer: SocketAddr,
    cookie: u64,
}

/// Destroys every connection, listeners excepted, of the calling thread's network namespace that
/// goes to this address. Says how many.
pub(super) fn destroy_all_to(peers: &[IpAddr]) -> io::Result<u32> {
    let mut names = Vec::new();
    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut table = SockDiag::open().map_err(io::Error::other)?;
    table
        .dump(request, |socket| {
            if socket.state != TcpState::Listen && peers.contains(&socket.peer.ip()) {
                names.push(Name {
                    v6: socket.family == Family::V6,
                    local: socket.local,
                    peer: socket.peer,
                    cookie: socket.cookie,
                });
            }
            ControlFlow::Continue(())
        })
        .map_err(io::Error::other)?;
    let mut netlink = Socket::new(NETLINK_SOCK_DIAG)?;
    netlink.bind_auto()?;
    netlink.connect(&NetlinkAddr::new(0, 0))?;
    let mut destroyed = 0;
    for name in &names {
        netlink.send(&name.request(), 0)?;
        let (answer, _) = netlink.recv_from_full()?;
        match errno_of(&answer) {
            Some(0) => destroyed += 1,
            // It ended by itself meanwhile.
            Some(errno) if errno == rustix::io::Errno::NOENT.raw_os_error() => {}
            Some(errno) => return Err(io::Error::from_raw_os_error(errno)),
            None => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(destroyed)
}

impl Name {
    /// `struct nlmsghdr` and `struct inet_diag_req_v2`.
    fn request(&self) -> Vec<u8> {
        let family = if self.v6 { 10 } else { 2 };
        let mut body = vec![family, IPPROTO_TCP, 0, 0];
        body.extend(u32::MAX.to_ne_bytes());
        body.extend(self.local.port().to_be_bytes());
        body.extend(self.peer.port().to_be_bytes());
        body.extend(self.octets(self.local.ip()));
        body.extend(self.octets(self.peer.ip()));
        body.extend(0_u32.to_ne_bytes());
        body.extend(((self.cookie & u64::from(u32::MAX)) as u32).to_ne_bytes());
        body.extend(((self.cookie >> 32) as u32).to_ne_bytes());

        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
        message.extend(SOCK_DESTROY.to_ne_bytes());
        message.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        message
    }

    /// An address as the kernel takes it: IPv4 in the first word, or mapped where the socket is of
    /// IPv6.
    fn octets(&self, ip: IpAddr) -> [u8; 16] {
        match ip {
            IpAddr::V6(ip) => ip.octets(),
            IpAddr::V4(ip) if self.v6 => ip.to_ipv6_mapped().octets(),
            IpAddr::V4(ip) => {
                let mut octets = [0; 16];
                octets[..4].copy_from_slice(&ip.octets());
                octets
            }
        }
    }
}

/// The errno of an acknowledgement, 0 for success.
fn errno_of(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let errno = i32::from_ne_bytes(answer.get(HEADER..HEADER + 4)?.try_into().ok()?);
    (kind == NLMSG_ERROR).then_some(-errno)
}
