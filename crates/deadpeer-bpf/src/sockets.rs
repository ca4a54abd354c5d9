//! Every TCP socket of a network namespace, as the kernel has it (iter/tcp).

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::time::Duration;

use deadpeer_core::forecast::{paced_segment, stamped_ahead};
use deadpeer_core::{SocketOptions, TcpState};

use crate::iterate::{Iterator, Run};
use crate::load::{Recipe, Target, Types};
use crate::records::{
    INFINITE_SSTHRESH, LOSS_PROBE_NEXT, LOSS_PROBE_OVER, Row, State, since_or_until, stretch, ticks,
};
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
    /// The error waiting for the application (`sk_err`), not taken by this look.
    pub error: Option<i32>,
    /// An error that did not end the connection, such as an ICMP message (`sk_err_soft`).
    pub soft_error: Option<i32>,
    /// Keepalive or window probes that the peer has not answered.
    pub probes_out: u8,
    /// Retransmissions in a row.
    pub retransmits: u8,
    /// Doublings of the retransmission timeout in force.
    pub backoff: u8,
    /// Segments sent again, ever.
    pub total_retransmits: u32,
    /// The retransmission timeout, doublings included; `None` for what has no options.
    pub rto: Option<Duration>,
    /// The smoothed round trip; `None` before it was measured.
    pub srtt: Option<Duration>,
    /// The window the peer has left, bytes; 0: it takes no data.
    pub peer_window: u32,
    /// Segments sent and not acknowledged.
    pub segments_in_flight: u32,
    /// The slow-start threshold, segments; `None`: no loss was seen yet.
    #[doc(alias = "snd_ssthresh")]
    pub slow_start_threshold: Option<u32>,
    /// Time since data was last sent; `None` if there never was any.
    #[doc(alias = "lsndtime")]
    pub since_sent: Option<Duration>,
    /// Time since the first of the segments in flight was sent again, or since connect(): the clock
    /// that the user timeout and `tcp_retries2` go by. `None`: it does not run.
    #[doc(alias = "retrans_stamp")]
    pub since_sent_again: Option<Duration>,
    /// Time until that clock starts: who paces what it sends, as BBR does, stamps a segment with
    /// the moment at which it should leave (net/ipv4/tcp_output.c, `tcp_update_skb_after_send`).
    pub until_sent_again: Option<Duration>,
    /// How far ahead of the present that clock may start, at most, if it does not run yet: who
    /// paces itself may have stamped its next segment with a moment to come (Linux 4.20).
    #[doc(alias = "tcp_wstamp_ns")]
    pub stamped_ahead: Option<Duration>,
    /// Time since the first probe of a window that is closed still; `None`: it is not, or Linux is
    /// older than 5.11.
    #[doc(alias = "icsk_probes_tstamp")]
    pub since_window_probe: Option<Duration>,
    /// Whether the timer of data in flight sends a tail-loss probe when it fires (RFC 8985), or is
    /// the timeout's already; `None` where it can't be told.
    pub tail_loss_probe_next: Option<bool>,
    /// Whether its timeouts don't double at first while little is in flight
    /// (`TCP_THIN_LINEAR_TIMEOUTS`).
    pub thin_linear_timeouts: bool,
    /// The kernel's jiffies counter at the moment of this look.
    pub jiffies: u64,
    /// The timer that runs, if one does. The kernel has several; one is shown, keepalive last.
    pub timer: Option<Timer>,
    /// Whether the peer agreed to selective acknowledgements; `None` for what has no options.
    pub sack: Option<bool>,
    /// Bytes received and not read; of a listener, connections waiting to be accepted.
    pub received: u32,
    /// Bytes written and not acknowledged; of a listener, how many connections may wait.
    pub queued: u32,
    /// Bytes written but not sent yet.
    pub unsent: u32,
    /// Bytes sent and not acknowledged.
    pub unacknowledged: u32,
    /// Time since the last data from the peer; `None` if there never was any.
    pub since_received: Option<Duration>,
    /// Time since the last acknowledgement; `None` if there never was any.
    pub since_acknowledged: Option<Duration>,
    /// Of a listener: whether there are connection requests, which no process holds.
    #[doc(alias = "icsk_accept_queue")]
    pub requested: bool,
    /// Whether it belongs to a Multipath TCP connection, whose options cannot be set one by one.
    pub multipath: bool,
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
        let whole = seen.has_options != 0;
        let (since_sent_again, until_sent_again) = since_or_until(row.retransmitting);
        Some(Self {
            cookie: seen.cookie,
            state,
            local: seen.ends.local(),
            peer: seen.ends.peer(),
            namespace: seen.namespace,
            options: whole.then(|| seen.options.read(hz)),
            holding: Holding::read(seen),
            uid: seen.uid,
            cgroup: seen.cgroup(),
            error: seen.error(),
            soft_error: seen.soft_error(),
            probes_out: seen.probes_out,
            retransmits: seen.retransmits,
            backoff: row.backoff,
            total_retransmits: row.total_retransmits,
            rto: whole.then(|| ticks(row.rto, hz)),
            srtt: (row.srtt != 0).then(|| Duration::from_micros(row.srtt.into())),
            peer_window: row.peer_window,
            segments_in_flight: row.packets_out,
            slow_start_threshold: (row.ssthresh < INFINITE_SSTHRESH).then_some(row.ssthresh),
            since_sent: stretch(row.since_sent, hz).filter(|_| whole),
            since_sent_again: since_sent_again.filter(|_| whole),
            until_sent_again: until_sent_again.filter(|_| whole),
            stamped_ahead: ahead(row).filter(|_| whole),
            since_window_probe: stretch(row.probing, hz).filter(|_| whole),
            tail_loss_probe_next: match row.loss_probe {
                LOSS_PROBE_NEXT => Some(true),
                LOSS_PROBE_OVER => Some(false),
                _ => None,
            },
            thin_linear_timeouts: row.thin != 0,
            jiffies: row.jiffies,
            timer: Timer::read(row, hz),
            sack: whole.then_some(row.sack != 0),
            received: row.received,
            queued: row.queued,
            unsent: seen.unsent,
            unacknowledged: seen.unacknowledged,
            since_received: stretch(seen.since_received, hz).filter(|_| whole),
            since_acknowledged: stretch(seen.since_acknowledged, hz).filter(|_| whole),
            requested: row.requested != 0,
            multipath: seen.multipath != 0,
        })
    }
}

fn ahead(row: &Row) -> Option<Duration> {
    let until_next = Duration::from_millis(row.until_next.into());
    // Only who paces itself is ever ahead.
    let round_trip = match row.until_next {
        0 => Duration::from_micros(row.srtt.into()),
        _ => Duration::ZERO,
    };
    let segment = (row.pacing_rate > 0)
        .then(|| paced_segment(row.pacing_rate, row.mss, round_trip))
        .flatten();
    stamped_ahead(until_next, segment)
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
            None if seen.dead != 0 || seen.has_options == 0 => Self::Closed,
            None => Self::AcceptQueue,
        }
    }
}
