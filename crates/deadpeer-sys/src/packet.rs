//! Packet sockets: every frame of one interface, read from a ring and sent in batches.
//!
//! A [`PacketSocket`] sees what arrives at its interface, never what it sent itself; unless it was
//! opened to see both ways. Frames come out of a ring that the kernel shares with this process
//! (`PACKET_RX_RING`, `TPACKET_V2`), so that a reader which is late by some milliseconds loses
//! nothing; unlike a socket's receive buffer, its size needs no privilege in the first user
//! namespace. `TPACKET_V3` hands out whole blocks by a timer and would add milliseconds; version 2
//! hands out each frame at once.
//!
//! Needs `CAP_NET_RAW` in the user namespace that owns the network namespace, and Linux 4.20
//! (`PACKET_IGNORE_OUTGOING`). See packet(7) and Documentation/networking/packet_mmap.rst.

mod batch;
mod layout;
mod offload;
mod ring;
mod socket;
mod urgency;

pub use batch::BATCH;
pub use layout::RingLayout;
pub use offload::switch_off_offloads;
pub use socket::{Arrival, PacketSocket};
pub use urgency::{Urgency, be_urgent};

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::time::{Duration, SystemTime};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    use super::*;
    use crate::testing::in_private_netns;

    /// The loopback interface of every namespace.
    const LO: u32 = 1;

    fn wait_for(socket: &PacketSocket) {
        let five_seconds = Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        let mut watched = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)];
        assert_eq!(poll(&mut watched, Some(&five_seconds)), Ok(1));
    }

    #[test]
    fn frames_of_an_interface_come_and_go() {
        in_private_netns(|| {
            let mut socket = PacketSocket::open(LO, RingLayout::holding(8, 1500)).unwrap();
            let there = UdpSocket::bind("127.0.0.1:0").unwrap();
            let here = UdpSocket::bind("127.0.0.1:0").unwrap();
            there
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            here.send_to(b"seen", there.local_addr().unwrap()).unwrap();
            wait_for(&socket);
            let mut seen = Vec::new();
            let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap();
            let count = socket.receive(8, |arrival| {
                assert!(arrival.whole);
                assert!(since_1970.abs_diff(arrival.at) < Duration::from_secs(5));
                seen.push(arrival.bytes.to_vec());
            });
            assert_eq!(count, 1);
            assert!(seen[0].ends_with(b"seen"));
            assert_eq!(there.recv(&mut [0; 8]).unwrap(), 4);

            // Sent once more by hand, it arrives once more; that it left is ignored.
            assert_eq!(socket.send(&seen).unwrap(), 1);
            wait_for(&socket);
            let again = |arrival: Arrival<'_>| assert_eq!(arrival.bytes, seen[0]);
            assert_eq!(socket.receive(8, again), 1);
        });
    }

    #[test]
    fn a_full_ring_counts_what_it_lost_and_goes_on() {
        in_private_netns(|| {
            let layout = RingLayout::holding(1, 1500);
            let mut socket = PacketSocket::open(LO, layout).unwrap();
            let there = UdpSocket::bind("127.0.0.1:0").unwrap();
            let here = UdpSocket::bind("127.0.0.1:0").unwrap();
            let sent = layout.frames() + 5;
            for _ in 0..sent {
                here.send_to(b"many", there.local_addr().unwrap()).unwrap();
            }
            let received = socket.receive(sent, |_| {});
            assert_eq!(received + socket.overruns().unwrap() as usize, sent);
            assert!(received <= layout.frames());
            assert_eq!(socket.overruns(), Ok(0));
            here.send_to(b"one more", there.local_addr().unwrap())
                .unwrap();
            wait_for(&socket);
            assert_eq!(socket.receive(1, |_| {}), 1);
        });
    }

    #[test]
    fn what_cannot_be_says_so() {
        in_private_netns(|| {
            let nobody = PacketSocket::open(4711, RingLayout::holding(1, 1500)).unwrap_err();
            assert_eq!(nobody.errno, Errno::NODEV);
            assert_eq!(nobody.call, "bind(AF_PACKET)");
            let nobody = switch_off_offloads("nobody").unwrap_err();
            assert_eq!(nobody.errno, Errno::NODEV);
            let long = switch_off_offloads("a name that no interface can have").unwrap_err();
            assert_eq!(long.errno, Errno::NAMETOOLONG);
            switch_off_offloads("lo").unwrap();
        });
    }
}
