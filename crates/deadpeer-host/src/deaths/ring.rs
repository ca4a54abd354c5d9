//! Deaths as the kernel reports them, by eBPF.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, SystemTime};

use deadpeer_bpf::{Actor, Engine, Unavailable, Watched};
use deadpeer_core::close_reason::CloseCause;
use deadpeer_core::{CloseReason, TcpState};
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
    /// Begins to watch one namespace, which the calling thread is in and which has this number, or
    /// all of them.
    pub(super) fn open(one: Option<(&Namespace, u64)>) -> Result<Self, OpenDeathsError> {
        let kernel = deadpeer_sys::running_kernel().map_err(OpenTableError::from)?;
        let hz = kernel.hz.ok_or(Unavailable::KernelTooOld {
            feature: "a report of deaths",
            what: "clock rate that could be found out".into(),
            since: "2.6",
        })?;
        let watched = one.map_or(Watched::Everything, |(_, number)| {
            Watched::Namespace(u32::try_from(number).unwrap_or(0))
        });
        let report = Engine::open(hz)?.deaths(watched, BUFFER)?;
        let places = match one {
            Some((namespace, _)) => {
                Places::One(Box::new(CurrentSysctls::of(namespace, kernel.sysctls)?))
            }
            None => Places::all(),
        };
        Ok(Self {
            report,
            owners: LastOwners::open(one.is_none())?,
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
        let any_is_nobodys =
            |owners: &LastOwners| self.batch.iter().any(|death| is_nobodys(death, owners));
        if any_is_nobodys(&self.owners) {
            // Its owner may not have closed it yet. Without the listeners only a name is missing.
            let _ = self.owners.refresh();
            if any_is_nobodys(&self.owners) {
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
        let netns = place.as_ref().and_then(|place| place.netns.clone());
        let mut last = dead.last;
        if let Some(sysctls) = place.map(CurrentSysctls::now) {
            last.settings = Some(dead.options.resolve(sysctls));
            last.sysctls = Some(*sysctls);
        }
        let reason = CloseReason::of(&last);
        let closer = named(dead.closer, KnownBy::Closing, owners);
        let (closer, destroyer) = match reason.cause == CloseCause::Destroyed {
            true => (None, closer),
            false => (closer, None),
        };
        let holder = dead.inode.and_then(|inode| owners.holder(inode));
        let (local, peer) = (canonical(dead.local), canonical(dead.peer));
        let key = netns.as_ref().map(|_| dead.namespace.into());
        let role = owners.role(key, Some(dead.state), local, peer);
        let connected = match dead.caller {
            Some(_) => Some(dead.state != TcpState::SynSent),
            None => owners.connected(key, local, peer),
        };
        let in_flight = last.unacked.zip(last.unsent);
        let without_fin = payload(Some(dead.bytes_acknowledged), last.fin_acked);
        Death {
            at: epoch + dead.at,
            cookie: dead.cookie,
            local,
            peer,
            reason,
            owner: closer
                .or(holder)
                .or_else(|| named(dead.caller, KnownBy::Connecting, owners))
                .or_else(|| owners.listening(key, role, local)),
            destroyer,
            role,
            age: self.age(dead),
            bytes_received: Some(dead.bytes_received),
            bytes_acked: Some(dead.bytes_acknowledged),
            payload_received: payload(Some(dead.bytes_received), last.peer_finished),
            payload_acked: payload(without_fin, connected),
            unacked: in_flight.map(|(unacked, unsent)| {
                (unacked + unsent).saturating_sub(flag_in_flight(dead.state))
            }),
            uid: Some(dead.uid),
            cgroup: dead.cgroup,
            netns,
            last,
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
