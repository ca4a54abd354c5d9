//! Connections as they end (tp_btf/inet_sock_set_state into a ring buffer).

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use deadpeer_core::close_reason::LastState;
use deadpeer_core::tcp_info::last_heard;
use deadpeer_core::{SocketOptions, TcpState};

use zerocopy::{FromBytes as _, Immutable, IntoBytes};

use crate::kernel::{self, Kind, MapShape, Ring};
use crate::load::{Recipe, Target, Types};
use crate::pid_namespace;
use crate::records::{self, stretch, ticks};
use crate::{CallError, Unavailable, feature};

/// A running report of deaths: [`Engine::deaths`](crate::Engine::deaths). It ends when it is
/// dropped.
///
/// Its descriptor is readable when there are deaths to [`drain`](Self::drain); an idle one wakes
/// nobody. With many deaths a second, wait a few milliseconds between drains: the kernel wakes a
/// reader only once it has caught up.
#[derive(Debug)]
pub struct Deaths {
    ring: Ring,
    lost: OwnedFd,
    program: OwnedFd,
    hz: u32,
    /// While it is open, the program runs.
    _link: OwnedFd,
}

/// Whose connections are reported. The program leaves others alone after two comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Watched {
    /// Those of the network namespace with this number.
    Namespace(u32),
    /// The whole machine's.
    Everything,
}

/// A connection that has just become CLOSED for the kernel: reset, given up, destroyed, refused, or
/// closed by both ends in order (which is before its TIME_WAIT). Listeners are not reported.
///
/// The numbers are those of that moment, the socket's error not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// When: `CLOCK_MONOTONIC`.
    pub at: Duration,
    /// The number that named it (`SO_COOKIE`).
    pub cookie: u64,
    /// The number of its network namespace.
    pub namespace: u32,
    /// Its file's inode number, if a process still holds it: who that is, `/proc` tells, or
    /// [`Engine::socket_owners`](crate::Engine::socket_owners). `None`: closed before, or never
    /// accepted.
    pub inode: Option<NonZeroU32>,
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// The state it died in.
    pub state: TcpState,
    /// What tells why, but for the sysctls.
    pub last: LastState,
    /// Who closed our end, or shut down its sending half; `None` if nobody did.
    pub closer: Option<Actor>,
    /// Who called connect(2); `None` for what was accepted, or begun before the report.
    pub caller: Option<Actor>,
    /// When it was established, `CLOCK_MONOTONIC`; `None` if that was before the report began, or
    /// never.
    pub established_at: Option<Duration>,
    /// The options set on it; see [`Socket::options`](crate::Socket::options).
    pub options: SocketOptions,
    /// Bytes received, ever.
    pub bytes_received: u64,
    /// Bytes of ours that were acknowledged, ever.
    pub bytes_acknowledged: u64,
    /// The user who made the socket.
    pub uid: u32,
    /// The number of the cgroup it was made in (cgroup v2).
    pub cgroup: Option<u64>,
}

/// A process that had to do with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// Its number, as our pid namespace has it; `None` if it is in none that we see.
    pub pid: Option<u32>,
    /// What it called itself: `comm`, up to the first 0.
    comm: [u8; 16],
}

impl Actor {
    /// `comm` without the padding.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let end = self.comm.iter().position(|byte| *byte == 0);
        let name = self.comm.get(..end.unwrap_or(self.comm.len()));
        name.unwrap_or_default()
    }

    fn new(pid: u32, comm: [u8; 16]) -> Self {
        let pid = (pid != 0).then_some(pid);
        Self { pid, comm }
    }

    fn closer(life: &records::Life) -> Option<Self> {
        (life.closed != 0).then(|| Self::new(life.pid, life.comm))
    }

    /// Nameless once somebody has closed the connection.
    fn caller(life: &records::Life) -> Option<Self> {
        let comm = match life.closed {
            0 => life.comm,
            _ => Default::default(),
        };
        let named = comm.iter().any(|byte| *byte != 0);
        (named || life.caller != 0).then(|| Self::new(life.caller, comm))
    }
}

/// Connections whose age and closer are remembered beside those that have a slot. Memory is taken
/// as they come, about 100 bytes for each.
const LIVES: u32 = 1 << 20;

/// What the program takes as given.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct Constants {
    /// 0: every one.
    namespace: u32,
    pid_namespace: u32,
}

impl Deaths {
    pub(crate) fn watch(
        kernel: &Types<'_>,
        hz: u32,
        watched: Watched,
        ring: usize,
    ) -> Result<Self, Unavailable> {
        let failed = |error| feature::DEATHS.failed(error);
        let constants = Constants {
            namespace: match watched {
                Watched::Namespace(number) => number,
                Watched::Everything => 0,
            },
            pid_namespace: pid_namespace().map_err(failed)?,
        };
        let size = ring
            .clamp(rustix::param::page_size(), 1 << 30)
            .next_power_of_two();
        let maps = [
            MapShape::of::<(), ()>("deaths", Kind::RingBuffer, size as u32),
            MapShape::of::<u32, records::Slot>("slots", Kind::Array, records::SLOTS),
            MapShape::of::<u64, records::Life>("lives", Kind::GrowingHash, LIVES),
            MapShape::of::<u32, u64>("lost", Kind::Array, 1),
        ];
        let recipe = Recipe {
            feature: &feature::DEATHS,
            object: include_bytes!("../objects/deaths.bpf.o"),
            target: Target::Tracepoint("btf_trace_inet_sock_set_state"),
            maps: &maps,
            shared: &[],
            constants: constants.as_bytes(),
        };
        let mut loaded = recipe.load(kernel)?;
        let deaths = loaded.map("deaths")?;
        let lost = loaded.map("lost")?;
        let ring = Ring::map(deaths, size).map_err(failed)?;
        let link = kernel::tracepoint_attach(&loaded.program).map_err(failed)?;
        Ok(Self {
            ring,
            lost,
            program: loaded.program,
            hz,
            _link: link,
        })
    }

    /// Shows every death since the last time to `visit`, the oldest first. Never waits.
    pub fn drain(&mut self, mut visit: impl FnMut(&Death)) {
        let hz = self.hz;
        self.ring.drain(|record| {
            let death = records::Death::ref_from_bytes(record);
            if let Some(death) = death.ok().and_then(|seen| Death::read(seen, hz)) {
                visit(&death);
            }
        });
    }

    /// How many deaths may have been lost so far: those that found the buffer full, and the changes
    /// of state that an interrupt brought while the program was busy with another, for which the
    /// kernel does not run it (counted since Linux 5.12).
    ///
    /// Some kernels of hosted machines don't run eBPF in the context of processes that they
    /// protect. What dies by a timer while such a process has the processor is neither reported nor
    /// counted.
    ///
    /// # Errors
    /// A counter can't be read.
    pub fn lost(&self) -> Result<u64, CallError> {
        let found_full: u64 = kernel::map_lookup(&self.lost, &0_u32)?;
        Ok(found_full + kernel::program_misses(&self.program)?)
    }
}

impl AsFd for Deaths {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

impl Death {
    /// `None` for a state that no known kernel has.
    fn read(death: &records::Death, hz: u32) -> Option<Self> {
        let seen = &death.state;
        let state = seen.state()?;
        Some(Self {
            at: Duration::from_nanos(death.at),
            cookie: seen.cookie,
            namespace: seen.namespace,
            inode: seen.inode(),
            local: seen.ends.local(),
            peer: seen.ends.peer(),
            state,
            last: last(death, state, hz),
            closer: Actor::closer(&death.life),
            caller: Actor::caller(&death.life),
            established_at: moment(death.life.established),
            options: seen.options.read(hz),
            bytes_received: death.bytes_received,
            bytes_acknowledged: death.bytes_acknowledged,
            uid: seen.uid,
            cgroup: seen.cgroup(),
        })
    }
}

fn last(death: &records::Death, state: TcpState, hz: u32) -> LastState {
    let seen = &death.state;
    let received = stretch(seen.since_received, hz);
    let acknowledged = stretch(seen.since_acknowledged, hz);
    let mut last = LastState::default();
    last.state = Some(state);
    last.errno = Some(seen.error);
    last.orphan = Some(seen.inode().is_none());
    last.probes = Some(seen.probes_out);
    last.retransmits = Some(seen.retransmits);
    last.unsent = Some(seen.unsent);
    last.unacked = Some(seen.unacknowledged);
    last.peer_window = Some(death.peer_window);
    last.data_after_close = Some(death.data_after_close != 0);
    last.unread = Some(death.unread);
    last.peer_finished = Some(death.peer_finished != 0);
    last.fin_acked = Some(fin_was_sent(state) && seen.unacknowledged == 0);
    last.silence = last_heard(received, acknowledged);
    last.since_sent = stretch(death.since_sent, hz);
    last.rto = Some(ticks(death.rto, hz));
    last
}

/// Whether our FIN had been sent, acknowledged or not.
fn fin_was_sent(state: TcpState) -> bool {
    matches!(
        state,
        TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::Closing
            | TcpState::LastAck
            | TcpState::TimeWait
    )
}

/// 0 is "not yet".
fn moment(ns: u64) -> Option<Duration> {
    (ns != 0).then(|| Duration::from_nanos(ns))
}
