//! Deaths to remember.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deadpeer_core::close_reason::LastState;
use deadpeer_core::{CloseReason, Effective, SocketOptions, Sysctls, TcpState};
use deadpeer_host::deaths::{Age, Death, KnownBy, LastOwner};
use deadpeer_host::{Process, Role};

/// Settings of a socket that keeps its connection alive.
pub(crate) fn settings() -> Effective {
    let options = SocketOptions::new()
        .keepalive(true)
        .keepidle_s(20)
        .keepintvl_s(2)
        .keepcnt(5);
    options.resolve(&Sysctls::default())
}

/// Keepalive went unanswered, as the kernel says it.
pub(crate) fn unanswered() -> CloseReason {
    let mut last_state = LastState::default();
    last_state.state = Some(TcpState::Established);
    last_state.errno = Some(110);
    last_state.probes = Some(5);
    last_state.settings = Some(settings());
    CloseReason::of(&last_state)
}

/// The death with this number: of a service with three thousand peers.
pub(crate) fn death(number: u64, at: SystemTime) -> Death {
    let peer = Ipv4Addr::from(0x0a00_0000 + u32::try_from(number % 3000).unwrap());
    let local = SocketAddr::from(([192, 0, 2, 1], 5432));
    let peer = SocketAddr::new(IpAddr::V4(peer), 40_000 + (number % 20_000) as u16);
    let mut death = Death::new(at, 7_000_000 + number, (local, peer), unanswered());
    death.role = Role::Accepted(5432);
    death.last.state = Some(TcpState::Established);
    death.owner = Some(owner(1000 + (number % 200) as u32, "postgres"));
    death.age = Some(Age::Exactly(Duration::from_millis(90_000 + number % 7919)));
    death.last.silence = Some(Duration::from_millis(30_000 + number % 977));
    death.bytes_received = Some(10_000 + number % 65_521);
    death.payload_received = death.bytes_received;
    death.bytes_acked = Some(100_000 + number % 1_000_003);
    death.payload_acked = death.bytes_acked;
    death.last.unread = Some(0);
    death.unacked = Some(0);
    death.last.probes = Some(5);
    death.last.retransmits = Some(0);
    death.last.settings = death.reason.limit.map(|_| settings());
    death.uid = Some(999);
    death.cgroup = Some(1);
    death
}

pub(crate) fn owner(pid: u32, name: &str) -> LastOwner {
    LastOwner {
        process: Arc::new(Process::named(pid, name.as_bytes())),
        known_by: KnownBy::Holding,
    }
}

/// A moment in 2026, so that tests do not depend on today.
pub(crate) fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000)
}
