//! The packet socket itself: opening it, reading, statistics.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::ring::Ring;
use super::{RingLayout, batch};
use crate::sockopt::raw;
use crate::{Result, door};

/// `PACKET_IGNORE_OUTGOING` of linux/if_packet.h, Linux 4.20.
const IGNORE_OUTGOING: libc::c_int = 23;

/// A frame that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// When the kernel took it, by the real-time clock since 1970.
    pub at: Duration,
    /// The frame from its Ethernet header on.
    pub bytes: &'a [u8],
    /// How long the frame was before it was cut to the ring's frames.
    pub length: usize,
    /// Whether `bytes` is all of it; `false` where the packet was longer than the ring's frames.
    pub whole: bool,
}

/// Which frames a socket sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ways {
    In,
    Both,
}

/// A packet socket bound to one interface, with a receive ring.
#[derive(Debug)]
pub struct PacketSocket {
    ring: Ring,
    socket: OwnedFd,
}

impl PacketSocket {
    /// Opens a socket for every protocol of the interface with this index in the calling thread's
    /// network namespace.
    ///
    /// # Errors
    /// `EPERM` without `CAP_NET_RAW`; `ENOMEM` for a ring the kernel has no memory for; `ENODEV`
    /// for an interface that is not there.
    pub fn open(interface: u32, layout: RingLayout) -> Result<Self> {
        Self::open_seeing(interface, layout, Ways::In)
    }

    /// The same for one that also sees what leaves through the interface, whoever sends it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_both_ways(interface: u32, layout: RingLayout) -> Result<Self> {
        Self::open_seeing(interface, layout, Ways::Both)
    }

    fn open_seeing(interface: u32, layout: RingLayout, ways: Ways) -> Result<Self> {
        // Protocol 0: nothing arrives before bind names the interface.
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: takes three numbers.
        let fd = door::number("socket(AF_PACKET)", || unsafe {
            libc::socket(libc::AF_PACKET, kind, 0)
        })?;
        // SAFETY: the descriptor is new and owned by nobody else.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };

        set(
            &socket,
            "PACKET_VERSION",
            libc::PACKET_VERSION,
            &libc::tpacket_versions::TPACKET_V2,
        )?;
        if ways == Ways::In {
            set(&socket, "PACKET_IGNORE_OUTGOING", IGNORE_OUTGOING, &1i32)?;
        }
        set(
            &socket,
            "PACKET_RX_RING",
            libc::PACKET_RX_RING,
            &layout.request(),
        )?;
        let ring = Ring::map(socket.as_fd(), layout)?;
        bind(&socket, interface)?;
        Ok(Self { ring, socket })
    }

    /// Hands at most `limit` waiting frames to `each`, oldest first, and says how many there were.
    /// Does not wait.
    pub fn receive(&mut self, limit: usize, mut each: impl FnMut(Arrival<'_>)) -> usize {
        (0..limit).take_while(|_| self.ring.next(&mut each)).count()
    }

    /// Sends whole Ethernet frames, at most [`BATCH`](super::BATCH) of them, in one call; says how
    /// many the kernel took.
    ///
    /// # Errors
    /// The first frame was refused: `ENETDOWN` while the interface is down, `EMSGSIZE` above its
    /// MTU, `ENOBUFS` or `EAGAIN` when its queue is full.
    pub fn send<F: AsRef<[u8]>>(&self, frames: &[F]) -> Result<usize> {
        batch::send(self.socket.as_fd(), frames)
    }

    /// How many frames were lost since the last call because the ring was full
    /// (`PACKET_STATISTICS`).
    ///
    /// # Errors
    /// None is known for an open packet socket.
    pub fn overruns(&self) -> Result<u32> {
        let (number, call) = (self.socket.as_raw_fd(), "getsockopt(PACKET_STATISTICS)");
        let read = raw::read::<8>(number, libc::SOL_PACKET, libc::PACKET_STATISTICS, call);
        // tp_drops is the second of two.
        let ([.., a, b, c, d], _) = read?;
        Ok(u32::from_ne_bytes([a, b, c, d]))
    }

    /// What kind of hardware the interface is: an `ARPHRD_` number of linux/if_arp.h, 1 for
    /// Ethernet.
    ///
    /// # Errors
    /// None is known for an open packet socket.
    pub fn hardware_type(&self) -> Result<u16> {
        let mut address = address_of(0);
        let mut length = length_of::<libc::sockaddr_ll>();
        // SAFETY: the kernel writes at most `length` bytes into an address of that size.
        door::number("getsockname(AF_PACKET)", || unsafe {
            libc::getsockname(
                self.socket.as_raw_fd(),
                (&raw mut address).cast(),
                &raw mut length,
            )
        })?;
        Ok(address.sll_hatype)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Of every packet on an interface; 0: on any.
fn address_of(interface: u32) -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: libc::c_int::try_from(interface).unwrap_or(libc::c_int::MAX),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

fn bind(socket: &OwnedFd, interface: u32) -> Result<()> {
    let address = address_of(interface);
    // SAFETY: the address is a whole sockaddr_ll, and its length is given.
    door::number("bind(AF_PACKET)", || unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            length_of::<libc::sockaddr_ll>(),
        )
    })
    .map(drop)
}

fn set<T>(socket: &OwnedFd, name: &'static str, option: libc::c_int, value: &T) -> Result<()> {
    raw::write(socket, libc::SOL_PACKET, option, value, name)
}

fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
