//! A socket as the kernel shows it by eBPF, in the words of its table.

use std::net::SocketAddr;

use deadpeer_core::{Snapshot, Sysctls, TcpState};
use deadpeer_report::Unreadable;
use deadpeer_sys::sock_diag::{ArmedTimer, Socket};

use super::bpf::BpfDetails;
use super::settings::Settings;

/// What a connection is made of.
pub(crate) struct Row {
    pub(crate) socket: Socket<'static>,
    pub(crate) settings: Settings,
    pub(crate) bpf: Option<BpfDetails>,
    pub(crate) moment: Snapshot,
}

impl Row {
    pub(crate) fn of(seen: &deadpeer_bpf::Socket, sysctls: &Sysctls) -> Self {
        let socket = socket(seen);
        let bpf = BpfDetails::of(seen);
        Self {
            moment: seen.moment,
            settings: match bpf {
                Some(bpf) => Settings::Known(bpf.effective(sysctls)),
                None => Settings::Unknown(Unreadable::NoDescriptor),
            },
            socket,
            bpf,
        }
    }
}

fn socket(seen: &deadpeer_bpf::Socket) -> Socket<'static> {
    // sock_diag shows a request as what it will be.
    let state = match seen.state == TcpState::NewSynRecv {
        true => TcpState::SynRecv,
        false => seen.state,
    };
    let mut socket = Socket::new(state, canonical(seen.local), canonical(seen.peer));
    // An IPv4 connection of an IPv6 listener is an IPv6 socket.
    socket.family = Socket::new(state, seen.local, seen.peer).family;
    (socket.rqueue, socket.wqueue) = (seen.received, seen.queued);
    socket.timer = seen.timer.and_then(|timer| {
        let ms = u32::try_from(timer.expires_in.as_millis()).unwrap_or(u32::MAX);
        ArmedTimer::from_kernel(timer.kind, ms, timer.unanswered)
    });
    socket.cookie = seen.cookie;
    socket.inode = seen.holding.inode();
    socket.uid = seen.uid;
    socket.cgroup = seen.cgroup;
    socket
}

/// IPv4 on an IPv6 socket, as IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::from((v4, v6.port())),
            None => address,
        },
    }
}
