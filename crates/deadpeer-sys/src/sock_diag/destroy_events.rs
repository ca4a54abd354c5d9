//! News of sockets that are gone: the multicast groups of sock_diag(7) that `ss -E` listens to
//! (Linux 4.7).
//!
//! The kernel announces a TCP socket when it frees it, which is after its owner closed it
//! (net/core/sock.c, `__sk_free`): a connection that died under an open descriptor is announced
//! late. The message carries the ends, the cookie, the queues and TCP_INFO, but no error, no owner,
//! and `Close` as the state of all.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

use super::Socket;
use super::message::{MessageKind, messages};
use crate::sockopt::raw;
use crate::{Result, door};

/// The kernel's announcements fit by far.
const BUFFER: usize = 4096;

/// `SKNLGRP_INET_TCP_DESTROY` and `SKNLGRP_INET6_TCP_DESTROY` of include/uapi/linux/sock_diag.h, as
/// bits.
const TCP_DESTROY_GROUPS: u32 = 1 << 0 | 1 << 2;

/// Announcements of TCP sockets of one network namespace as they are freed. Needs no privilege.
///
/// Its descriptor is readable when there is something to [`drain`](Self::drain); an idle one wakes
/// nobody.
#[derive(Debug)]
pub struct DestroyEvents {
    netlink: OwnedFd,
    buffer: Box<[u8]>,
}

impl DestroyEvents {
    /// Listens in the calling thread's network namespace and stays there. `queue` is how many bytes
    /// of announcements the kernel keeps for us, about 1 KiB each; without `CAP_NET_ADMIN` no more
    /// than `net.core.rmem_max`.
    ///
    /// # Errors
    /// The netlink socket cannot be made or bound: a kernel before 4.7, or without
    /// `CONFIG_INET_DIAG`.
    #[doc(alias = "SKNLGRP_INET_TCP_DESTROY")]
    pub fn open(queue: usize) -> Result<Self> {
        let netlink = door::call("socket(NETLINK_SOCK_DIAG)", || {
            net::socket_with(
                AddressFamily::NETLINK,
                SocketType::RAW,
                SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                Some(SOCK_DIAG),
            )
        })?;
        door::call("setsockopt(SO_RCVBUF)", || {
            sockopt::set_socket_recv_buffer_size_force(&netlink, queue)
                .or_else(|_| sockopt::set_socket_recv_buffer_size(&netlink, queue))
        })?;
        door::call("bind(SKNLGRP_INET_TCP_DESTROY)", || {
            net::bind(&netlink, &SocketAddrNetlink::new(0, TCP_DESTROY_GROUPS))
        })?;
        Ok(Self {
            netlink,
            buffer: vec![0; BUFFER].into_boxed_slice(),
        })
    }

    /// Hands out every socket that was announced since the last time. Never waits.
    ///
    /// # Errors
    /// Receiving failed. That announcements were lost is no error: see [`DestroyEvents::lost`].
    pub fn drain(&mut self, mut visit: impl FnMut(&Socket<'_>)) -> Result<()> {
        loop {
            let (netlink, buffer) = (&self.netlink, &mut *self.buffer);
            let receive = || net::recv(netlink, buffer, RecvFlags::TRUNC).map(|(_, len)| len);
            let len = match door::filled("recv(NETLINK_SOCK_DIAG)", receive) {
                Ok(len) => len,
                Err(error) => match error.errno {
                    Errno::AGAIN => return Ok(()),
                    // Announcements were dropped; the kernel says so once, and counts them.
                    Errno::NOBUFS | Errno::INTR => continue,
                    _ => return Err(error),
                },
            };
            // Anybody may send to a netlink port, but such a message tells nothing that is not
            // checked against the table.
            for message in messages(self.buffer.get(..len).unwrap_or_default()) {
                match message.map(|message| message.kind) {
                    Ok(MessageKind::Socket(socket)) => visit(&socket),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        }
    }

    /// How many announcements the kernel has dropped so far because the queue was full.
    ///
    /// # Errors
    /// The kernel is older than Linux 4.12.
    #[doc(alias = "SO_MEMINFO")]
    pub fn lost(&self) -> Result<u32> {
        // include/uapi/linux/sock_diag.h: SK_MEMINFO_DROPS is the last of nine.
        let (number, call) = (self.netlink.as_raw_fd(), "getsockopt(SO_MEMINFO)");
        let read = raw::read::<36>(number, libc::SOL_SOCKET, libc::SO_MEMINFO, call);
        let ([.., a, b, c, d], _) = read?;
        Ok(u32::from_ne_bytes([a, b, c, d]))
    }
}

impl AsFd for DestroyEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.netlink.as_fd()
    }
}
