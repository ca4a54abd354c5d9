//! Deaths as sock_diag shows them: sockets that are freed, and connections that vanish from the table.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::autopsy::Remains;
use deadpeer_core::{Autopsy, Sysctls, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{Obituaries, SocketId};
use rustc_hash::FxHashSet;

use super::death::{Age, Death};
use super::keepers::Keepers;
use super::last_seen::{LastSeen, Seen, surplus};
use super::{BUFFER, DeathsError, OpenDeathsError};
use crate::table::{OpenTableError, ReadTableError};

/// The kernel announces a socket a little after it freed it, so what vanished waits this long for its announcement.
const PATIENCE: Duration = Duration::from_millis(500);

/// Announcements, and the table.
#[derive(Debug)]
pub(super) struct Announced {
    obituaries: Obituaries,
    last: LastSeen,
    keepers: Keepers,
    sysctls: Sysctls,
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
    pub(super) fn open() -> Result<Self, OpenDeathsError> {
        let kernel = deadpeer_sys::running_kernel().map_err(OpenTableError::from)?;
        // Listening before looking: what dies in between is announced.
        let obituaries = Obituaries::open(BUFFER)?;
        let mut keepers = Keepers::open()?;
        let mut last = LastSeen::open(kernel.sysctls)?;
        last.look(&mut keepers).map_err(ReadTableError::Dump)?;
        Ok(Self {
            obituaries,
            last,
            keepers,
            sysctls: kernel.sysctls,
            vanished: Vec::new(),
            told: FxHashSet::default(),
        })
    }

    pub(super) fn keepers(&self) -> &Keepers {
        &self.keepers
    }

    pub(super) fn lost(&self) -> Option<u64> {
        self.obituaries.lost().ok().map(u64::from)
    }

    pub(super) fn look_in(&self, now: Instant) -> Duration {
        let waiting = self.vanished.iter().map(|(since, ..)| *since + PATIENCE);
        let next = waiting.chain([self.last.next_look()]).min();
        next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    pub(super) fn drain(&mut self, visit: &mut impl FnMut(&Death)) -> Result<(), DeathsError> {
        if Instant::now() >= self.last.next_look() {
            let gone = self.last.look(&mut self.keepers)?;
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
        self.obituaries.drain(|socket| {
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
        let mut remains = self.remains(&notice, seen.as_ref());
        if remains.fin_acked != Some(false) && remains.state != Some(TcpState::SynSent) {
            remains.time_wait = Some(self.last.closed_first(&notice.id)?);
        }
        visit(&self.death(&notice, seen.as_ref(), &remains));
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
            if socket.is_some() {
                self.told.insert(cookie);
            }
            let notice = Notice {
                id: seen.id,
                unread: 0,
                queued: info
                    .as_ref()
                    .and_then(|info| info.notsent_bytes)
                    .unwrap_or(0),
                info,
            };
            let remains = self.remains(&notice, Some(&seen));
            visit(&self.death(&notice, Some(&seen), &remains));
        }
    }

    fn remains(&self, notice: &Notice, seen: Option<&Seen>) -> Remains {
        let mut remains = Remains::default();
        let info = notice.info.as_ref();
        remains.state = match info {
            Some(info) if never_established(info) => Some(TcpState::SynSent),
            Some(_) | None => seen.map(|seen| seen.state),
        };
        remains.probes = info.and_then(|info| info.probes);
        remains.retransmits = match info {
            Some(info) => info.retransmits,
            None => seen.and_then(|seen| seen.retransmits),
        };
        remains.unsent = info.and_then(|info| info.notsent_bytes);
        remains.unacked = remains
            .unsent
            .map(|unsent| notice.queued.saturating_sub(unsent));
        remains.segs_in = info.and_then(|info| info.segs_in);
        remains.peer_finished = seen.map(|seen| seen.state.peer_has_finished());
        let base = seen.and_then(|seen| seen.surplus).or_else(|| {
            let connected = self.keepers.connected(notice.id.local, notice.id.peer)?;
            Some(i64::from(connected))
        });
        remains.fin_acked = match (info.and_then(surplus), base) {
            (Some(surplus), Some(base)) => Some(surplus > base),
            // A SYN and a FIN, or neither.
            (Some(2..), None) => Some(true),
            (Some(..=0), None) => Some(false),
            (Some(1), None) | (None, _) => None,
        };
        let fin_came = remains.fin_acked == Some(true) || remains.peer_finished == Some(true);
        // The peer's FIN takes a place in the sequence, and nobody reads it.
        remains.unread = info.map(|_| notice.unread.saturating_sub(fin_came.into()));
        remains.silence = info.and_then(TcpInfo::heard_ago);
        remains.since_sent = info.and_then(|info| Some(milliseconds(info.last_data_sent_ms?)));
        remains.rto = info.and_then(|info| Some(Duration::from_micros(info.rto_us?.into())));
        remains.settings = seen.and_then(|seen| seen.settings.effective().copied());
        remains.sysctls = Some(self.sysctls);
        remains
    }

    fn death(&mut self, notice: &Notice, seen: Option<&Seen>, remains: &Remains) -> Death {
        let info = notice.info.as_ref();
        let (local, peer) = (notice.id.local, notice.id.peer);
        let role = self.keepers.role(remains.state, local, peer);
        let holder = seen
            .and_then(|seen| seen.inode)
            .and_then(|inode| self.keepers.holder(inode));
        Death {
            at: SystemTime::now(),
            cookie: notice.id.cookie,
            local,
            peer,
            autopsy: Autopsy::of(remains),
            state: remains.state,
            keeper: holder.or_else(|| self.keepers.listening(role, local)),
            destroyer: None,
            role,
            age: seen.map(|seen| Age::AtLeast(seen.since.elapsed())),
            silence: remains.silence,
            bytes_received: info.and_then(|info| info.bytes_received),
            bytes_acked: info.and_then(|info| info.bytes_acked),
            peer_finished: remains.peer_finished,
            fin_acked: remains.fin_acked,
            unread: remains.unread,
            unacked: info.map(|_| notice.queued),
            probes: remains.probes,
            retransmits: remains.retransmits,
            settings: remains.settings,
            uid: seen.map(|seen| seen.uid),
            cgroup: seen.and_then(|seen| seen.cgroup),
        }
    }
}

impl AsFd for Announced {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.obituaries.as_fd()
    }
}

/// Of an established connection the SYN has been acknowledged, or a round trip measured.
fn never_established(info: &TcpInfo) -> bool {
    info.bytes_acked == Some(0) && info.rtt_us.is_none()
}

fn milliseconds(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}
