//! Deaths as the kernel reports them, by eBPF.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, SystemTime};

use deadpeer_bpf::{Actor, Engine, Unavailable, Watched};
use deadpeer_core::close_reason::CloseCause;
use deadpeer_core::{CloseReason, Sysctls, TcpState};
use deadpeer_sys::clock;

use super::death::{Age, Death, KnownBy, LastOwner, payload};
use super::owners::LastOwners;
use super::places::Places;
use super::sysctls::CurrentSysctls;
use super::{BUFFER, OpenDeathsError};
use crate::table::row::canonical;
use crate::table::{Namespace, OpenTableError};

/// How long nobody is looked for after it was in vain.
const IN_VAIN: Duration = Duration::from_millis(500);

/// The kernel's report.
#[derive(Debug)]
pub(super) struct Ring {
    report: deadpeer_bpf::Deaths,
    owners: LastOwners,
    interpreter: Interpreter,
    batch: Vec<deadpeer_bpf::Death>,
}

/// What turns a report into a death.
#[derive(Debug)]
struct Interpreter {
    places: Places,
    /// `CLOCK_MONOTONIC`.
    opened_at: Duration,
}

impl Ring {
    /// Begins to watch this namespace, which the calling thread is in and which has this number.
    pub(super) fn open(namespace: &Namespace, number: u64) -> Result<Self, OpenDeathsError> {
        let watched = Watched::Namespace(u32::try_from(number).unwrap_or(0));
        Self::watch(watched, |sysctls| {
            let sysctls = CurrentSysctls::of(namespace, sysctls)?;
            Ok((LastOwners::open()?, Places::one(sysctls)))
        })
    }

    /// Begins to watch all namespaces.
    pub(super) fn everywhere() -> Result<Self, OpenDeathsError> {
        Self::watch(Watched::Everything, |_| {
            Ok((LastOwners::open_everywhere()?, Places::all()))
        })
    }

    fn watch(
        watched: Watched,
        open: impl FnOnce(Sysctls) -> Result<(LastOwners, Places), OpenDeathsError>,
    ) -> Result<Self, OpenDeathsError> {
        let kernel = deadpeer_sys::running_kernel().map_err(OpenTableError::from)?;
        let hz = kernel.hz.ok_or(Unavailable::KernelTooOld {
            feature: "a report of deaths",
            what: "clock rate that could be found out".into(),
            since: "2.6",
        })?;
        let report = Engine::open(hz)?.deaths(watched, BUFFER)?;
        let (owners, places) = open(kernel.sysctls)?;
        Ok(Self {
            report,
            owners,
            interpreter: Interpreter {
                places,
                opened_at: clock::monotonic(),
            },
            batch: Vec::new(),
        })
    }

    pub(super) fn owners(&self) -> &LastOwners {
        &self.owners
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
            .any(|death| is_nobodys(death, &self.owners))
        {
            // Its owner may not have closed it yet. Without the listeners only a name is missing.
            let _ = self.owners.refresh();
            if self
                .batch
                .iter()
                .any(|death| is_nobodys(death, &self.owners))
            {
                // It has: looking is too late for these, and will be for the next.
                self.owners.rest(IN_VAIN);
            }
        }
        let epoch = SystemTime::now()
            .checked_sub(clock::monotonic())
            .unwrap_or(SystemTime::UNIX_EPOCH);
        for death in &self.batch {
            visit(&self.interpreter.death(death, epoch, &mut self.owners));
        }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }
}

impl Interpreter {
    /// `epoch` is when `CLOCK_MONOTONIC` was zero.
    fn death(
        &mut self,
        dead: &deadpeer_bpf::Death,
        epoch: SystemTime,
        owners: &mut LastOwners,
    ) -> Death {
        let place = self.places.of(dead.namespace.into());
        let last_state = last_state(dead, place.sysctls);
        let reason = CloseReason::of(&last_state);
        let closer = named(dead.closer, KnownBy::Closing, owners);
        let (closer, destroyer) = match reason.cause == CloseCause::Destroyed {
            true => (None, closer),
            false => (closer, None),
        };
        let holder = dead.inode.and_then(|inode| owners.holder(inode));
        let (local, peer) = (canonical(dead.local), canonical(dead.peer));
        let netns = place.netns;
        let key = netns.as_ref().map(|_| dead.namespace.into());
        let role = owners.role(key, Some(dead.state), local, peer);
        let connected = match dead.caller {
            Some(_) => Some(dead.state != TcpState::SynSent),
            None => owners.connected(key, local, peer),
        };
        let without_fin = payload(Some(dead.bytes_acknowledged), last_state.fin_acked);
        Death {
            at: epoch + dead.at,
            cookie: dead.cookie,
            local,
            peer,
            reason,
            state: Some(dead.state),
            owner: closer
                .or(holder)
                .or_else(|| named(dead.caller, KnownBy::Connecting, owners))
                .or_else(|| owners.listening(key, role, local)),
            destroyer,
            role,
            age: self.age(dead),
            silence: dead.silent_for,
            bytes_received: Some(dead.bytes_received),
            bytes_acked: Some(dead.bytes_acknowledged),
            payload_received: payload(Some(dead.bytes_received), last_state.peer_finished),
            payload_acked: payload(without_fin, connected),
            peer_finished: last_state.peer_finished,
            fin_acked: last_state.fin_acked,
            unread: last_state.unread,
            unacked: Some(
                (dead.unacknowledged + dead.unsent).saturating_sub(flag_in_flight(dead.state)),
            ),
            probes: Some(dead.probes_out),
            retransmits: Some(dead.retransmits),
            settings: last_state.settings,
            uid: Some(dead.uid),
            cgroup: dead.cgroup,
            netns,
        }
    }

    fn age(&self, dead: &deadpeer_bpf::Death) -> Option<Age> {
        match dead.established_at {
            Some(since) => Some(Age::Exactly(dead.at.saturating_sub(since))),
            None if dead.state == TcpState::SynSent => None,
            None => Some(Age::AtLeast(dead.at.saturating_sub(self.opened_at))),
        }
    }
}

/// `sysctls` are those of its namespace, if that was found.
fn last_state(
    dead: &deadpeer_bpf::Death,
    sysctls: Option<&mut CurrentSysctls>,
) -> deadpeer_core::close_reason::LastState {
    let mut last_state = deadpeer_core::close_reason::LastState::default();
    last_state.state = Some(dead.state);
    last_state.errno = Some(dead.error.unwrap_or(0));
    last_state.orphan = Some(dead.inode.is_none());
    last_state.probes = Some(dead.probes_out);
    last_state.retransmits = Some(dead.retransmits);
    last_state.unsent = Some(dead.unsent);
    last_state.unacked = Some(dead.unacknowledged);
    last_state.peer_window = Some(dead.peer_window);
    last_state.data_after_close = Some(dead.data_after_close);
    last_state.unread = Some(dead.unread);
    last_state.peer_finished = Some(dead.peer_finished);
    last_state.fin_acked = Some(fin_was_sent(dead.state) && dead.unacknowledged == 0);
    last_state.silence = dead.silent_for;
    last_state.since_sent = dead.since_sent;
    last_state.rto = Some(dead.rto);
    if let Some(sysctls) = sysctls {
        let sysctls = sysctls.now();
        last_state.settings = Some(dead.options.resolve(sysctls));
        last_state.sysctls = Some(*sysctls);
    }
    last_state
}

/// Whether a descriptor was still open, and nobody is known to have had it.
fn is_nobodys(dead: &deadpeer_bpf::Death, owners: &LastOwners) -> bool {
    let unknown = |inode| !owners.knows(inode);
    dead.closer.is_none() && dead.caller.is_none() && dead.inode.is_some_and(unknown)
}

fn named(actor: Option<Actor>, known_by: KnownBy, owners: &mut LastOwners) -> Option<LastOwner> {
    let actor = actor?;
    Some(LastOwner {
        process: owners.actor(actor.pid?, actor.name()),
        known_by,
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
