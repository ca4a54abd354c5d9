//! Every TCP socket of a network namespace, as the kernel has it (iter/tcp).

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::time::Duration;

use deadpeer_core::{Snapshot, SocketOptions, TcpState};

use crate::iterate::{Iterator, Run};
use crate::load::{Recipe, Target, Types};
use crate::records::{Row, State, ticks};
use crate::snapshot::moment;
use crate::{CallError, Unavailable, feature};

/// A program that shows every TCP socket, loaded and ready:
/// [`Engine::sockets`](crate::Engine::sockets).
#[derive(Debug)]
pub struct Sockets {
    iterator: Iterator,
    hz: u32,
}

/// A TCP socket of any state. Shown without stopping it: its numbers may be of neighbouring
/// moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// The number that names it while the machine runs (`SO_COOKIE`).
    pub cookie: u64,
    /// Its state.
    pub state: TcpState,
    /// Our end. IPv4 on an IPv6 socket is shown as it is there, `::ffff:a.b.c.d`.
    pub local: SocketAddr,
    /// The other end; port 0 for a listener.
    pub peer: SocketAddr,
    /// The number of its network namespace, as `/proc/PID/ns/net` shows it.
    pub namespace: u32,
    /// The options set on it. `None` in an option: it follows the sysctl. A user timeout of 0 is
    /// shown as `None`. `None` altogether for what has no options: TIME_WAIT and connection
    /// requests.
    pub options: Option<SocketOptions>,
    /// Who has it.
    pub holding: Holding,
    /// The user who made it.
    pub uid: u32,
    /// The number of the cgroup it was made in (cgroup v2), 0 of none.
    pub cgroup: Option<u64>,
    /// Whether its timeouts don't double at first while little is in flight
    /// (`TCP_THIN_LINEAR_TIMEOUTS`).
    pub thin_linear_timeouts: bool,
    /// The timer that runs, if one does. The kernel has several; one is shown, keepalive last.
    pub timer: Option<Timer>,
    /// Bytes received and not read; of a listener, connections waiting to be accepted.
    pub received: u32,
    /// Bytes written and not acknowledged; of a listener, how many connections may wait.
    pub queued: u32,
    /// Of a listener: whether there are connection requests, which no process holds.
    #[doc(alias = "icsk_accept_queue")]
    pub requested: bool,
    /// Whether it belongs to a Multipath TCP connection, whose options cannot be set one by one.
    pub multipath: bool,
    /// The connection at the moment of this look: more than TCP_INFO and sock_diag tell, so that a
    /// forecast is exact where theirs is an interval.
    pub moment: Snapshot,
}

/// A timer of the kernel that is running on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timer {
    /// What it does when it fires, as inet_diag numbers it: 1 sends again, 2 keepalive, 3 ends
    /// TIME_WAIT, 4 probes a closed window.
    #[doc(alias = "idiag_timer")]
    pub kind: u8,
    /// Time until it fires, before the timer wheel's rounding; zero if it is due.
    pub expires_in: Duration,
    /// The level of the timer wheel that it waits in, which rounds its wait up
    /// (kernel/time/timer.c).
    pub level: u8,
    /// What it has sent already without an answer.
    pub unanswered: u8,
}

/// Who has a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holding {
    /// A descriptor, or several, of the file with this inode number (`socket:[inode]`).
    File(NonZeroU32),
    /// Nobody yet: it waits in a listener's queue to be accepted.
    AcceptQueue,
    /// Nobody any more: its descriptor is closed.
    Closed,
}

impl Sockets {
    pub(crate) fn load(kernel: &Types<'_>, hz: u32) -> Result<Self, Unavailable> {
        let recipe = Recipe {
            feature: &feature::SOCKETS,
            object: include_bytes!("../objects/sockets.bpf.o"),
            target: Target::Iterator("bpf_iter_tcp"),
            maps: &[],
            shared: &[],
            constants: &[],
        };
        let iterator = Iterator::attach(&recipe.load(kernel)?);
        let iterator = iterator.map_err(|error| feature::SOCKETS.failed(error))?;
        Ok(Self { iterator, hz })
    }

    /// Shows every TCP socket of the calling thread's network namespace to `visit`, until it
    /// breaks.
    ///
    /// # Errors
    /// The kernel's answer could not be read to its end. What was shown before stands.
    pub fn each(&self, visit: impl FnMut(&Socket) -> ControlFlow<()>) -> Result<(), CallError> {
        self.begin()?.each(visit)
    }

    /// Begins to show every TCP socket of the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel has no room for it.
    pub fn begin(&self) -> Result<Showing, CallError> {
        Ok(Showing {
            run: self.iterator.begin()?,
            hz: self.hz,
        })
    }
}

/// The sockets of one network namespace, to be read by any thread.
#[derive(Debug)]
pub struct Showing {
    run: Run,
    hz: u32,
}

impl Showing {
    /// Shows every TCP socket to `visit`, listeners first, until it breaks.
    ///
    /// # Errors
    /// The kernel's answer could not be read to its end. What was shown before stands.
    pub fn each(self, mut visit: impl FnMut(&Socket) -> ControlFlow<()>) -> Result<(), CallError> {
        self.run.each(|row: &Row| match Socket::read(row, self.hz) {
            Some(socket) => visit(&socket),
            None => ControlFlow::Continue(()),
        })
    }
}

impl Socket {
    /// `None` for a state that no known kernel has.
    pub(crate) fn read(row: &Row, hz: u32) -> Option<Self> {
        let seen = &row.state;
        let state = seen.state()?;
        Some(Self {
            cookie: seen.cookie,
            state,
            local: seen.ends.local(),
            peer: seen.ends.peer(),
            namespace: seen.namespace,
            options: seen.has_options().then(|| seen.options.read(hz)),
            holding: Holding::read(seen),
            uid: seen.uid,
            cgroup: seen.cgroup(),
            thin_linear_timeouts: row.thin != 0,
            timer: Timer::read(row, hz),
            received: row.received,
            queued: row.queued,
            requested: row.requested != 0,
            multipath: seen.multipath != 0,
            moment: moment(row, state, hz),
        })
    }
}

impl Timer {
    fn read(row: &Row, hz: u32) -> Option<Self> {
        (row.timer != 0).then(|| Self {
            kind: row.timer,
            expires_in: ticks(row.expires.max(0).cast_unsigned(), hz),
            level: row.level,
            unanswered: row.unanswered,
        })
    }
}

impl Holding {
    /// The inode number of its file, if it has one.
    #[must_use]
    pub fn inode(self) -> Option<NonZeroU32> {
        match self {
            Self::File(inode) => Some(inode),
            Self::AcceptQueue | Self::Closed => None,
        }
    }

    fn read(seen: &State) -> Self {
        match seen.inode() {
            Some(inode) => Self::File(inode),
            None if seen.dead != 0 || !seen.has_options() => Self::Closed,
            None => Self::AcceptQueue,
        }
    }
}
