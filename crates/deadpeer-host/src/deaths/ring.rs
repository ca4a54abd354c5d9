//! Deaths as the kernel reports them, by eBPF.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, SystemTime};

use deadpeer_bpf::{Engine, Unavailable, Watched};
use deadpeer_core::autopsy::Manner;
use deadpeer_core::{Autopsy, Kernel, TcpState};
use deadpeer_sys::clock;

use super::death::{Age, Death, Keeper, KnownBy};
use super::keepers::Keepers;
use super::{BUFFER, OpenDeathsError};
use crate::row::canonical;
use crate::table::OpenTableError;

/// How long nobody is looked for after it was in vain.
const IN_VAIN: Duration = Duration::from_millis(500);

/// The kernel's report.
#[derive(Debug)]
pub(super) struct Ring {
    report: deadpeer_bpf::Deaths,
    keepers: Keepers,
    judge: Judge,
    batch: Vec<deadpeer_bpf::Death>,
}

/// What turns a report into a death.
#[derive(Debug)]
struct Judge {
    kernel: Kernel,
    /// `CLOCK_MONOTONIC`.
    opened_at: Duration,
}

impl Ring {
    /// Begins to watch the namespace of the calling thread, which has this number.
    pub(super) fn open(number: u64) -> Result<Self, OpenDeathsError> {
        let kernel = deadpeer_sys::running_kernel().map_err(OpenTableError::from)?;
        let hz = kernel.hz.ok_or(Unavailable::KernelTooOld {
            feature: "a report of deaths",
            what: "clock rate that could be found out".into(),
            since: "2.6",
        })?;
        let watched = Watched::Namespace(u32::try_from(number).unwrap_or(0));
        let report = Engine::open(hz)?.deaths(watched, BUFFER)?;
        Ok(Self {
            report,
            keepers: Keepers::open()?,
            judge: Judge {
                kernel,
                opened_at: clock::monotonic(),
            },
            batch: Vec::new(),
        })
    }

    pub(super) fn keepers(&self) -> &Keepers {
        &self.keepers
    }

    pub(super) fn lost(&self) -> Option<u64> {
        self.report.lost().ok()
    }

    pub(super) fn drain(&mut self, visit: &mut impl FnMut(&Death)) {
        let batch = &mut self.batch;
        batch.clear();
        self.report.drain(|death| batch.push(death.clone()));
        if self
            .batch
            .iter()
            .any(|death| is_nobodys(death, &self.keepers))
        {
            // Its owner may not have closed it yet. Without the listeners only a name is missing.
            let _ = self.keepers.look_again();
            if self
                .batch
                .iter()
                .any(|death| is_nobodys(death, &self.keepers))
            {
                // It has: looking is too late for these, and will be for the next.
                self.keepers.rest(IN_VAIN);
            }
        }
        let epoch = SystemTime::now()
            .checked_sub(clock::monotonic())
            .unwrap_or(SystemTime::UNIX_EPOCH);
        for death in &self.batch {
            visit(&self.judge.judge(death, epoch, &mut self.keepers));
        }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }
}

impl Judge {
    /// `epoch` is when `CLOCK_MONOTONIC` was zero.
    fn judge(&self, dead: &deadpeer_bpf::Death, epoch: SystemTime, keepers: &mut Keepers) -> Death {
        let remains = self.remains(dead);
        let autopsy = Autopsy::of(&remains);
        let closer = closer(dead, keepers);
        let (closer, destroyer) = match autopsy.manner == Manner::Destroyed {
            true => (None, closer),
            false => (closer, None),
        };
        let holder = dead.inode.and_then(|inode| keepers.holder(inode));
        let (local, peer) = (canonical(dead.local), canonical(dead.peer));
        let role = keepers.role(Some(dead.state), local, peer);
        Death {
            at: epoch + dead.at,
            cookie: dead.cookie,
            local,
            peer,
            autopsy,
            state: Some(dead.state),
            keeper: closer
                .or(holder)
                .or_else(|| caller(dead, keepers))
                .or_else(|| keepers.listening(role, local)),
            destroyer,
            role,
            age: self.age(dead),
            silence: dead.silent_for,
            bytes_received: Some(dead.bytes_received),
            bytes_acked: Some(dead.bytes_acknowledged),
            peer_finished: remains.peer_finished,
            fin_acked: remains.fin_acked,
            unread: remains.unread,
            unacked: Some(
                (dead.unacknowledged + dead.unsent).saturating_sub(flag_in_flight(dead.state)),
            ),
            probes: Some(dead.probes_out),
            retransmits: Some(dead.retransmits),
            settings: remains.settings,
            uid: Some(dead.uid),
            cgroup: dead.cgroup,
        }
    }

    fn remains(&self, dead: &deadpeer_bpf::Death) -> deadpeer_core::autopsy::Remains {
        let mut remains = deadpeer_core::autopsy::Remains::default();
        remains.state = Some(dead.state);
        remains.errno = Some(dead.error.unwrap_or(0));
        remains.orphan = Some(dead.inode.is_none());
        remains.probes = Some(dead.probes_out);
        remains.retransmits = Some(dead.retransmits);
        remains.unsent = Some(dead.unsent);
        remains.unacked = Some(dead.unacknowledged);
        // The peer's FIN takes a place in the sequence, and nobody reads it.
        remains.unread = Some(dead.unread.saturating_sub(dead.peer_finished.into()));
        remains.peer_finished = Some(dead.peer_finished);
        remains.fin_acked = Some(fin_was_sent(dead.state) && dead.unacknowledged == 0);
        remains.silence = dead.silent_for;
        remains.since_sent = dead.since_sent;
        remains.rto = Some(dead.rto);
        remains.settings = Some(dead.options.resolve(&self.kernel.sysctls));
        remains.sysctls = Some(self.kernel.sysctls);
        remains
    }

    fn age(&self, dead: &deadpeer_bpf::Death) -> Option<Age> {
        match dead.established_at {
            Some(since) => Some(Age::Exactly(dead.at.saturating_sub(since))),
            None if dead.state == TcpState::SynSent => None,
            None => Some(Age::AtLeast(dead.at.saturating_sub(self.opened_at))),
        }
    }
}

/// Whether a descriptor was still open, and nobody is known to have had it.
fn is_nobodys(dead: &deadpeer_bpf::Death, keepers: &Keepers) -> bool {
    let unknown = |inode| !keepers.knows(inode);
    dead.closer.is_none() && dead.caller.is_none() && dead.inode.is_some_and(unknown)
}

fn closer(dead: &deadpeer_bpf::Death, keepers: &mut Keepers) -> Option<Keeper> {
    let closer = dead.closer.as_ref()?;
    Some(keepers.closer(closer.pid?, closer.name()))
}

fn caller(dead: &deadpeer_bpf::Death, keepers: &mut Keepers) -> Option<Keeper> {
    let caller = dead.caller.as_ref()?;
    let keeper = keepers.closer(caller.pid?, caller.name());
    Some(Keeper {
        known_by: KnownBy::Connecting,
        ..keeper
    })
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

/// What a SYN or FIN without an acknowledgement adds to the bytes in flight.
fn flag_in_flight(state: TcpState) -> u32 {
    let waits = [
        TcpState::SynSent,
        TcpState::FinWait1,
        TcpState::Closing,
        TcpState::LastAck,
    ];
    waits.contains(&state).into()
}
