//! Deaths as sock_diag shows them: sockets that are freed, and connections that vanish from the
//! table.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::close_reason::LastState;
use deadpeer_core::{CloseReason, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{DestroyEvents, SocketId};
use rustc_hash::FxHashSet;

use super::counters::Counters;
use super::death::{Age, Death, payload};
use super::last_seen::{LastSeen, Seen, surplus};
use super::owners::LastOwners;
use super::sysctls::CurrentSysctls;
use super::{BUFFER, DeathsError, OpenDeathsError};
use crate::table::{Namespace, OpenTableError, ReadTableError};

/// The kernel announces a socket a little after it freed it, so what vanished waits this long for
/// its announcement.
const PATIENCE: Duration = Duration::from_millis(500);

/// Announcements, and the table.
#[derive(Debug)]
pub(super) struct Announced {
    destroy_events: DestroyEvents,
    last: LastSeen,
    owners: LastOwners,
    sysctls: CurrentSysctls,
    /// Not in the table any more, and not announced yet.
    vanished: Vec<(Instant, u64, Seen)>,
    /// Told already; their announcement comes when the owner closes them.
    told: FxHashSet<u64>,
}

/// A socket that the kernel announced.
struct Notice {
    id: SocketId,
    unread: u32,
    queued: u32,
    info: Option<TcpInfo>,
}

impl Announced {
    /// Begins to watch this namespace, which the calling thread is in.
    pub(super) fn open(namespace: &Namespace) -> Result<Self, OpenDeathsError> {
        let kernel = deadpeer_sys::running_kernel().map_err(OpenTableError::from)?;
        // Listening before looking: what dies in between is announced.
        let destroy_events = DestroyEvents::open(BUFFER)?;
        let mut owners = LastOwners::open(false)?;
        let mut last = LastSeen::open(kernel.sysctls)?;
        last.refresh(&mut owners, &kernel.sysctls)
            .map_err(ReadTableError::Dump)?;
        Ok(Self {
            destroy_events,
            last,
            owners,
            sysctls: CurrentSysctls::of(namespace, kernel.sysctls)?,
            vanished: Vec::new(),
            told: FxHashSet::default(),
        })
    }

    pub(super) fn owners(&self) -> &LastOwners {
        &self.owners
    }

    pub(super) fn lost(&self) -> Option<u64> {
        self.destroy_events.lost().ok().map(u64::from)
    }

    pub(super) fn poll_timeout(&self, now: Instant) -> Duration {
        let waiting = self.vanished.iter().map(|(since, ..)| *since + PATIENCE);
        let next = waiting.chain([self.last.next_check()]).min();
        next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    pub(super) fn drain(&mut self, visit: &mut impl FnMut(&Death)) -> Result<(), DeathsError> {
        if Instant::now() >= self.last.next_check() {
            let gone = self.last.refresh(&mut self.owners, self.sysctls.now())?;
            let now = Instant::now();
            self.vanished
                .extend(gone.into_iter().map(|(cookie, seen)| (now, cookie, seen)));
        }
        for notice in self.notices()? {
            self.announced(notice, visit)?;
        }
        self.overdue(visit);
        Ok(())
    }

    fn notices(&mut self) -> Result<Vec<Notice>, DeathsError> {
        let mut notices = Vec::new();
        let last = &self.last;
        self.destroy_events.drain(|socket| {
            let nameless = socket.peer.port() == 0 || socket.local.port() == 0;
            notices.push(Notice {
                id: socket.id(),
                unread: socket.rqueue,
                queued: socket.wqueue,
                // A connect() that failed leaves a socket without ends, and without a past.
                info: match nameless {
                    true => None,
                    false => socket.tcp_info.map(|info| last.decode(info)),
                },
            });
        })?;
        Ok(notices)
    }

    fn announced(
        &mut self,
        notice: Notice,
        visit: &mut impl FnMut(&Death),
    ) -> Result<(), DeathsError> {
        let cookie = notice.id.cookie;
        if self.told.remove(&cookie) {
            return Ok(());
        }
        let waiting = self.vanished.iter().position(|(_, one, _)| *one == cookie);
        let seen = match waiting {
            Some(place) => Some(self.vanished.swap_remove(place).2),
            None => self.last.take(cookie),
        };
        let mut notice = notice;
        if notice.info.is_none() {
            // Listeners, and sockets that were never connected.
            let Some(seen) = &seen else { return Ok(()) };
            notice.id = seen.id;
        }
        let mut last_state = self.last_state(&notice, seen.as_ref());
        if last_state.fin_acked != Some(false) && last_state.state != Some(TcpState::SynSent) {
            last_state.time_wait = Some(self.last.closed_first(&notice.id)?);
            self.check_the_peer(&notice.id, &mut last_state)?;
        }
        visit(&self.death(&notice, seen.as_ref(), last_state));
        Ok(())
    }

    /// Within the namespace the peer's own end tells whether it closed first.
    fn check_the_peer(
        &mut self,
        id: &SocketId,
        last_state: &mut LastState,
    ) -> Result<(), DeathsError> {
        let is_open = last_state.time_wait == Some(false) && last_state.fin_acked == Some(true);
        if is_open && last_state.peer_finished.is_none() && self.last.peer_closed_first(id)? {
            last_state.peer_finished = Some(true);
        }
        Ok(())
    }

    /// Tells of what vanished and was not announced: its owner still holds it.
    fn overdue(&mut self, visit: &mut impl FnMut(&Death)) {
        let now = Instant::now();
        let is_due = |(since, ..): &mut (Instant, u64, Seen)| now >= *since + PATIENCE;
        let due: Vec<_> = self.vanished.extract_if(.., is_due).collect();
        for (_, cookie, seen) in due {
            let socket = seen.post_mortem(cookie);
            let info = socket
                .as_ref()
                .and_then(|socket| deadpeer_sys::tcp_info(socket).ok());
            let alive = |info: &TcpInfo| info.state != Some(TcpState::Close);
            if info.as_ref().is_some_and(alive) {
                continue;
            }
            // Whether its owner still holds it does not always show: not to whom may not look, and
            // not of a part of a Multipath TCP connection.
            self.told.insert(cookie);
            let notice = Notice {
                id: seen.id,
                unread: 0,
                queued: info
                    .as_ref()
                    .and_then(|info| info.notsent_bytes)
                    .unwrap_or(0),
                info,
            };
            let last_state = self.last_state(&notice, Some(&seen));
            visit(&self.death(&notice, Some(&seen), last_state));
        }
    }

    fn last_state(&mut self, notice: &Notice, seen: Option<&Seen>) -> LastState {
        let mut last_state = LastState::default();
        let info = notice.info.as_ref();
        last_state.state = match info {
            Some(info) if never_established(info) => Some(TcpState::SynSent),
            // It was last seen before the SYN was acknowledged.
            Some(info)
                if info.bytes_acked > Some(0)
                    && seen.is_some_and(|seen| seen.state == TcpState::SynSent) =>
            {
                Some(TcpState::Established)
            }
            Some(_) | None => seen.map(|seen| seen.state),
        };
        last_state.probes = info.and_then(|info| info.probes);
        last_state.retransmits = match info {
            Some(info) => info.retransmits,
            None => seen.and_then(|seen| seen.retransmits),
        };
        last_state.unsent = info.and_then(|info| info.notsent_bytes);
        last_state.unacked = last_state
            .unsent
            .map(|unsent| notice.queued.saturating_sub(unsent));
        last_state.segs_in = info.and_then(|info| info.segs_in);
        last_state.peer_window = info.and_then(|info| info.snd_wnd);
        let before = match seen {
            Some(seen) => seen.counters,
            None => info.and_then(Counters::after_the_handshake),
        };
        let later = info.zip(before);
        last_state.peer_finished = match seen {
            Some(seen) if seen.state.peer_has_finished() => Some(true),
            _ => later.and_then(|(info, before)| before.fin_came(info)),
        };
        let now = Instant::now();
        last_state.reset_came = later.and_then(|(info, before)| before.reset_came(info, now));
        let base = seen.and_then(|seen| seen.surplus).or_else(|| {
            let connected = self
                .owners
                .connected(None, notice.id.local, notice.id.peer)?;
            Some(i64::from(connected))
        });
        last_state.fin_acked = match (info.and_then(surplus), base) {
            (Some(surplus), Some(base)) => Some(surplus > base),
            // A SYN and a FIN, or neither.
            (Some(2..), None) => Some(true),
            (Some(..=0), None) => Some(false),
            (Some(1), None) | (None, _) => None,
        };
        // The peer's FIN takes a place in the sequence, and nobody reads it.
        last_state.unread = info.and_then(|_| match (notice.unread, last_state.peer_finished) {
            (0, _) => Some(0),
            (waiting, finished) => Some(waiting - u32::from(finished?)),
        });
        last_state.silence = info.and_then(TcpInfo::heard_ago);
        last_state.since_sent = info.and_then(|info| Some(milliseconds(info.last_data_sent_ms?)));
        last_state.rto = info.and_then(|info| Some(Duration::from_micros(info.rto_us?.into())));
        last_state.settings = seen.and_then(|seen| seen.settings.effective().copied());
        last_state.sysctls = Some(*self.sysctls.now());
        last_state
    }

    fn death(&mut self, notice: &Notice, seen: Option<&Seen>, last_state: LastState) -> Death {
        let info = notice.info.as_ref();
        let (local, peer) = (notice.id.local, notice.id.peer);
        let role = self.owners.role(None, last_state.state, local, peer);
        let holder = seen
            .and_then(|seen| seen.inode)
            .and_then(|inode| self.owners.holder(inode));
        Death {
            at: SystemTime::now(),
            cookie: notice.id.cookie,
            local,
            peer,
            reason: CloseReason::of(&last_state),
            owner: holder.or_else(|| self.owners.listening(None, role, local)),
            destroyer: None,
            role,
            age: seen.map(|seen| Age::AtLeast(seen.since.elapsed())),
            bytes_received: info.and_then(|info| info.bytes_received),
            bytes_acked: info.and_then(|info| info.bytes_acked),
            payload_received: info
                .and_then(|info| payload(info.bytes_received, last_state.peer_finished)),
            payload_acked: info.and_then(|info| sent_once(info, &last_state)),
            unacked: info.map(|_| notice.queued),
            uid: seen.map(|seen| seen.uid),
            cgroup: seen.and_then(|seen| seen.cgroup),
            netns: None,
            last: last_state,
        }
    }
}

impl AsFd for Announced {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.destroy_events.as_fd()
    }
}

/// What was sent is acknowledged, if nothing is in flight; neither SYN nor FIN count among it, but
/// what this machine dropped does: then more was sent than acknowledged.
fn sent_once(info: &TcpInfo, last_state: &LastState) -> Option<u64> {
    let sent = info.bytes_sent?.checked_sub(info.bytes_retrans?)?;
    let flags = info.bytes_acked?.checked_sub(sent)?;
    (last_state.unacked == Some(0) && flags <= 2).then_some(sent)
}

/// Of an established connection the SYN has been acknowledged, or a round trip measured.
fn never_established(info: &TcpInfo) -> bool {
    info.bytes_acked == Some(0) && info.rtt_us.is_none()
}

fn milliseconds(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}
