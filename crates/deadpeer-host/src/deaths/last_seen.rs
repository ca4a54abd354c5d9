//! What was last seen of each connection: the kernel's table, read every few seconds.

use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::os::fd::{OwnedFd, RawFd};
use std::time::{Duration, Instant};

use deadpeer_core::{KernelVersion, Sysctls, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{DumpError, Request, SockDiag, Socket, SocketId, States, TimerKind};
use deadpeer_sys::{pidfd, sockopt};
use rustc_hash::FxHashMap;

use super::counters::Counters;
use super::owners::LastOwners;
use crate::table::Settings;
use crate::table::settings::Reader;

/// The table is read no more often than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// And takes at most this part of our time.
const REST: u32 = 50;

/// The connections of a network namespace as they were at the last look.
#[derive(Debug)]
pub(super) struct LastSeen {
    diag: SockDiag,
    version: Option<KernelVersion>,
    /// Those that the settings were read with.
    sysctls: Sysctls,
    connections: FxHashMap<u64, Seen>,
    rounds: u32,
    next_check: Instant,
}

/// One connection as it was last seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) id: SocketId,
    pub(super) state: TcpState,
    pub(super) inode: Option<NonZeroU32>,
    pub(super) holder: Option<(u32, RawFd)>,
    pub(super) uid: u32,
    pub(super) cgroup: Option<u64>,
    pub(super) settings: Settings,
    pub(super) retransmits: Option<u8>,
    pub(super) counters: Option<Counters>,
    /// What [`surplus`] said while all data was acknowledged.
    pub(super) surplus: Option<i64>,
    pub(super) since: Instant,
    round: u32,
}

impl LastSeen {
    pub(super) fn open(sysctls: Sysctls) -> Result<Self, super::OpenDeathsError> {
        Ok(Self {
            diag: SockDiag::open()?,
            version: deadpeer_sys::kernel_version(),
            sysctls,
            connections: FxHashMap::default(),
            rounds: 0,
            next_check: Instant::now(),
        })
    }

    pub(super) fn next_check(&self) -> Instant {
        self.next_check
    }

    pub(super) fn decode(&self, info: &[u8]) -> TcpInfo {
        TcpInfo::decode(info, self.version)
    }

    /// Takes a connection out that is no more.
    pub(super) fn take(&mut self, cookie: u64) -> Option<Seen> {
        self.connections.remove(&cookie)
    }

    /// Whether what is left of the end that closed first waits there for the peer or for old
    /// segments.
    pub(super) fn closed_first(&mut self, id: &SocketId) -> Result<bool, DumpError> {
        let rest = self.diag.state_between(id)?;
        Ok(matches!(
            rest,
            Some(TcpState::TimeWait | TcpState::FinWait2)
        ))
    }

    /// The same of the other end, which only within the namespace can be looked for.
    pub(super) fn peer_closed_first(&mut self, id: &SocketId) -> Result<bool, DumpError> {
        let mut other = *id;
        (other.local, other.peer) = (id.peer, id.local);
        self.closed_first(&other)
    }

    /// Reads the table and hands out those that have vanished from it since the last time.
    pub(super) fn refresh(
        &mut self,
        owners: &mut LastOwners,
        sysctls: &Sysctls,
    ) -> Result<Vec<(u64, Seen)>, DumpError> {
        let start = Instant::now();
        self.rounds = self.rounds.wrapping_add(1);
        let Dumped { fresh, doubtful } = self.dump()?;
        if !fresh.is_empty() {
            owners.refresh()?;
            self.read_settings(&fresh, owners);
        }
        // Programs set options later than at the begin, and whoever dies has been in doubt before.
        self.read_settings(&doubtful, owners);
        if self.sysctls != *sysctls {
            self.sysctls = *sysctls;
            let all: Vec<u64> = self.connections.keys().copied().collect();
            self.read_settings(&all, owners);
        }
        let round = self.rounds;
        let gone = self
            .connections
            .extract_if(|_, seen| seen.round != round)
            .collect();
        self.next_check = Instant::now() + (start.elapsed() * REST).max(SHORTEST);
        Ok(gone)
    }

    /// Reads the table.
    fn dump(&mut self) -> Result<Dumped, DumpError> {
        let request = Request {
            states: States::LIVE,
            tcp_info: true,
        };
        let (now, round, version) = (Instant::now(), self.rounds, self.version);
        let connections = &mut self.connections;
        let mut dumped = Dumped::default();
        let end = self.diag.dump(request, |socket| {
            if !is_connection(socket) {
                return ControlFlow::Continue(());
            }
            let seen = connections.entry(socket.cookie).or_insert_with(|| {
                dumped.fresh.push(socket.cookie);
                Seen::new(socket, now)
            });
            seen.round = round;
            seen.state = socket.state;
            seen.inode = socket.inode.or(seen.inode);
            let info = socket.tcp_info.map(|info| TcpInfo::decode(info, version));
            seen.retransmits = info.as_ref().and_then(|info| info.retransmits);
            seen.counters = info.as_ref().and_then(|info| Counters::of(info, now));
            if info.as_ref().is_some_and(is_in_doubt) && seen.since != now {
                dumped.doubtful.push(socket.cookie);
            }
            if socket.wqueue == 0 && socket.state.may_send() {
                seen.surplus = info.as_ref().and_then(surplus).or(seen.surplus);
            }
            ControlFlow::Continue(())
        })?;
        if end.interrupted {
            // What was missed this time has not vanished.
            connections.values_mut().for_each(|seen| seen.round = round);
        }
        Ok(dumped)
    }

    fn read_settings(&mut self, cookies: &[u64], owners: &LastOwners) {
        let mut reader = Reader::new(self.sysctls, true);
        for cookie in cookies {
            let Some(seen) = self.connections.get_mut(cookie) else {
                continue;
            };
            let Some(inode) = seen.inode else { continue };
            let owners = owners.owners().of(inode);
            seen.settings = reader.read(owners, &seen.as_socket(*cookie));
            let mut owners = owners;
            let first = owners.next();
            seen.holder = first.map(|owner| (owner.process.pid(), owner.fd));
        }
    }
}

impl Seen {
    fn new(socket: &Socket<'_>, now: Instant) -> Self {
        Self {
            id: socket.id(),
            state: socket.state,
            inode: socket.inode,
            holder: None,
            uid: socket.uid,
            cgroup: socket.cgroup,
            settings: Settings::NotAsked,
            retransmits: None,
            counters: None,
            surplus: None,
            since: now,
            round: 0,
        }
    }

    fn as_socket(&self, cookie: u64) -> Socket<'static> {
        let mut socket = Socket::new(self.state, self.id.local, self.id.peer);
        socket.cookie = cookie;
        socket.inode = self.inode;
        socket
    }

    /// TCP_INFO of a dead connection whose owner has not closed it yet; `None`: it has, or we may
    /// not look.
    ///
    /// The borrowed descriptor is given back at once, and no error is taken.
    pub(super) fn post_mortem(&self, cookie: u64) -> Option<OwnedFd> {
        let (pid, fd) = self.holder?;
        let socket = pidfd::descriptor(pidfd::open(pid).ok()?, fd).ok()?;
        (sockopt::cookie(&socket).ok()? == cookie).then_some(socket)
    }
}

/// What one reading of the table brought.
#[derive(Debug, Default)]
struct Dumped {
    /// Connections that are new.
    fresh: Vec<u64>,
    /// Others that wait for an answer.
    doubtful: Vec<u64>,
}

fn is_in_doubt(info: &TcpInfo) -> bool {
    let some = |count: Option<u8>| count.is_some_and(|count| count > 0);
    some(info.probes) || some(info.retransmits) || info.snd_wnd == Some(0)
}

fn is_connection(socket: &Socket<'_>) -> bool {
    let ended = |timer: deadpeer_sys::sock_diag::ArmedTimer| timer.kind == TimerKind::TimeWait;
    let is_another = matches!(
        socket.state,
        TcpState::Listen | TcpState::TimeWait | TcpState::SynRecv | TcpState::NewSynRecv
    );
    let is_forgotten = socket.state == TcpState::FinWait2 && socket.timer.is_some_and(ended);
    !is_another && !is_forgotten
}

/// What the peer acknowledged beyond data: our SYN, if we connected, and our FIN.
pub(super) fn surplus(info: &TcpInfo) -> Option<i64> {
    let sent = i64::try_from(info.bytes_sent?).ok()? - i64::try_from(info.bytes_retrans?).ok()?;
    Some(i64::try_from(info.bytes_acked?).ok()? - sent)
}
