//! Packets of an interface as they pass.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use deadpeer_capture::{Link, Moment, Packet};
use deadpeer_sys::Errno;
use deadpeer_sys::packet::{PacketSocket, RingLayout};
use deadpeer_sys::signals::Second;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netdevice::name_to_index;

use super::telling::Telling;
use crate::drive::interruption;
use crate::exit::Stop;

/// The begin of a packet is enough: headers, options, tunnels.
const SNAPLEN: usize = 256;
/// So many packets may wait, 16 MiB of them.
const WAITING: usize = 32_768;
/// How long nothing may come before the clock and the signals are looked at.
const TURN: Duration = Duration::from_millis(100);

/// ARPHRD numbers of linux/if_arp.h.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_LOOPBACK: u16 = 772;
const ARPHRD_NONE: u16 = 65_534;

/// Takes packets until a signal comes or the time is over, whichever is first.
pub(super) fn capture(
    interface: &str,
    stop_after: Option<Duration>,
    telling: &mut Telling<'_>,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let cannot = |error: &dyn std::fmt::Display| Stop::because(format!("{interface}: {error}"));
    // Any socket knows its namespace's interfaces.
    let any = UnixDatagram::unbound().map_err(|error| cannot(&error))?;
    let index = name_to_index(&any, interface).map_err(|_| match interface {
        "any" => {
            cannot(&"one interface at a time; for all: tcpdump -U -i any -w - | deadpeer explain -")
        }
        _ => cannot(&"there is no such interface"),
    })?;
    let layout = RingLayout::holding(WAITING, SNAPLEN);
    let mut socket = PacketSocket::open_both_ways(index, layout).map_err(|error| {
        let needs = match error.errno {
            Errno::PERM => "; it needs CAP_NET_RAW",
            _ => "",
        };
        Stop::because(format!("cannot capture from {interface}: {error}{needs}"))
    })?;
    let link = match socket.hardware_type().map_err(|error| cannot(&error))? {
        ARPHRD_ETHER | ARPHRD_LOOPBACK => Link::ETHERNET,
        ARPHRD_NONE => Link::RAW,
        other => {
            return Err(cannot(&format!(
                "interfaces of hardware type {other} are not understood"
            )));
        }
    };
    let stopped = interruption(Second::IsNoted)?;
    let until = stop_after.map(|time| Instant::now() + time);
    let mut lost = 0_u64;
    loop {
        let mut failed = None;
        let taken = socket.receive(WAITING, |arrival| {
            let nanos = u64::try_from(arrival.at.as_nanos()).unwrap_or(u64::MAX);
            let packet = Packet {
                at: Some(Moment::from_nanos(nanos)),
                bytes: arrival.bytes,
                length: u32::try_from(arrival.length).unwrap_or(u32::MAX),
                link,
                offset: 0,
            };
            if failed.is_none() {
                failed = telling.take(&packet, out).err();
            }
        });
        if let Some(stop) = failed {
            return Err(stop);
        }
        telling.told(out)?;
        out.flush()?;
        lost += u64::from(socket.overruns().map_err(|error| cannot(&error))?);
        telling.lost = Some(lost);
        if stopped.came() || until.is_some_and(|until| Instant::now() >= until) {
            return Ok(());
        }
        if taken == 0 {
            wait(&socket, until)?;
        }
    }
}

/// Waits for a packet, the end of the turn or of the time.
fn wait(socket: &PacketSocket, until: Option<Instant>) -> Result<(), Stop> {
    let left = until.map_or(TURN, |until| {
        until.saturating_duration_since(Instant::now()).min(TURN)
    });
    let timeout = Timespec::try_from(left).unwrap_or_default();
    let mut packets = [PollFd::new(socket, PollFlags::IN)];
    match poll(&mut packets, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(Stop::because(format!("cannot wait for packets: {error}"))),
    }
}
