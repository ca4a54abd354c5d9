//! What stands, and what is to be done: every chosen socket looked at once, before anything is
//! changed.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

use deadpeer_core::{Effective, Snapshot, SocketOptions, TcpState};
use rustc_hash::{FxHashMap, FxHashSet};

use super::aim::{Aim, Change, Step};
use super::armed::ArmedAhead;
use super::asking::Asking;
use super::outcome::{CarryOutError, Outcome};
use super::overwriting::{NothingAccepted, Overwriting};
use super::{by_bpf, by_descriptors};
use crate::deaths::ServiceName;
use crate::filter::Filter;
use crate::table::{
    Connection, Coverage, Query, ReadTableError, Role, Services, Settings, Table, Unreadable,
};
use crate::undo::UndoFile;
use crate::workload::Workload;

/// The chosen sockets, sorted by what is to be done with them.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Survey {
    /// The number of their network namespace.
    pub netns: Option<u64>,
    /// Sockets that have the same service, settings and fate together.
    pub parts: Vec<Part>,
    /// What could not be seen.
    pub coverage: Coverage,
    /// Listeners whose programs set the options of what they accept, and miss the deadline by that.
    pub overwriting: Vec<Overwriting>,
    /// Listeners of which that is not known.
    pub nothing_accepted: NothingAccepted,
    /// Connections with a timer armed too far ahead.
    pub armed_ahead: ArmedAhead,
    /// Listeners first: what they accept from then on has the new settings.
    pub(super) jobs: Vec<Job>,
    /// Addresses of this machine: those that its connections have.
    pub(super) here: FxHashSet<IpAddr>,
}

/// Sockets of one service that have the same settings and fate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// What the processes belong to.
    pub workload: Option<Arc<Workload>>,
    /// The name of the processes; `None` if no owner is visible.
    pub process: Option<Box<[u8]>>,
    /// What the connections are to it.
    pub role: Role,
    /// Whether these are listeners.
    pub listeners: bool,
    /// The settings in force; `None`: not known.
    pub before: Option<Effective>,
    /// What is set on the sockets themselves, where the kernel shows that: the rest follows the
    /// sysctls.
    pub own: Option<SocketOptions>,
    /// The same without what we have set; `None`: not known.
    pub by_program: Option<Effective>,
    /// What is to be done.
    pub fate: Fate,
    /// How many sockets.
    pub count: u64,
    /// The user they belong to.
    pub uid: u32,
}

/// What is to be done with a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// Its settings are known.
    Judged(Step),
    /// Its peer has closed, and its program has not: left alone, so that a leak goes on showing.
    CloseWait,
    /// They could not be read, and can't be changed either.
    Unseen(Unreadable),
}

/// One socket to change.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) cookie: u64,
    /// Who holds it, and as which descriptor; nobody, if it waits in a listener's queue.
    pub(super) owners: Box<[(u32, RawFd)]>,
    /// The place of its part.
    pub(super) part: usize,
    /// The peer's address.
    pub(super) peer: IpAddr,
    /// When something came from its peer, where that is known.
    pub(super) heard: Option<Instant>,
}

/// What makes a part, within a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    listeners: bool,
    before: Option<Effective>,
    own: Option<SocketOptions>,
    by_program: Option<Effective>,
    fate: Fate,
    uid: u32,
}

impl Part {
    /// The service.
    #[must_use]
    pub fn service(&self) -> ServiceName {
        ServiceName::new(self.process.clone(), self.role)
    }
}

impl Survey {
    /// Looks at every connection and listener that the filter chooses.
    ///
    /// What no process holds is left out: nobody can hang on it, and the kernel ends it by itself.
    /// Connections that wait in a listener's queue can be changed only if the table [reads by
    /// eBPF](Table::use_bpf).
    ///
    /// # Errors
    /// The table could not be read.
    pub fn take(table: &mut Table, filter: &Filter, aim: &Aim) -> Result<Self, ReadTableError> {
        Self::take_again(table, filter, aim, &FxHashSet::default())
    }

    /// The same, once sockets with these cookies were changed: what they have shows nothing of
    /// their programs any more.
    pub(super) fn take_again(
        table: &mut Table,
        filter: &Filter,
        aim: &Aim,
        changed: &FxHashSet<u64>,
    ) -> Result<Self, ReadTableError> {
        let mut fine = Shortcut::default();
        let mut ahead = ArmedAhead::default();
        let by_program = |cookie: u64, now: &Effective| {
            (!changed.contains(&cookie)).then(|| aim.by_program(cookie, now))
        };
        let fate = |connection: &Connection<'_>| fate(connection, aim, &mut fine, &mut ahead);
        let mut survey = Self::by(table, filter, by_program, fate)?;
        survey.armed_ahead = ahead;
        survey.find_overwriting(aim);
        Ok(survey)
    }

    /// Looks at every connection that the filter chooses and whose peer is to be asked by the
    /// kernel.
    ///
    /// # Errors
    /// The table could not be read.
    pub fn to_ask(
        table: &mut Table,
        filter: &Filter,
        asking: &Asking,
    ) -> Result<Self, ReadTableError> {
        let as_it_is = |_, now: &Effective| Some(*now);
        Self::by(table, filter, as_it_is, |connection| {
            asking.fate(connection)
        })
    }

    fn by(
        table: &mut Table,
        filter: &Filter,
        by_program: impl Fn(u64, &Effective) -> Option<Effective>,
        mut fate: impl FnMut(&Connection<'_>) -> Option<Fate>,
    ) -> Result<Self, ReadTableError> {
        let query = Query {
            filter: filter.clone(),
            every_option: true,
            context: true,
            forecast_only: true,
            ..Query::default()
        };
        let mut services: Services<Vec<(Kind, usize)>> = Services::new(table.ephemeral_ports());
        let mut counts: Vec<u64> = Vec::new();
        let mut jobs = Vec::new();
        let mut here = FxHashSet::default();
        let coverage = table.each(&query, |connection| {
            here.insert(connection.socket.local.ip());
            let kinds = &mut services.of(connection).value;
            let Some(fate) = fate(connection) else {
                return ControlFlow::Continue(());
            };
            let before = connection.settings.effective().copied();
            let kind = Kind {
                listeners: connection.socket.state == TcpState::Listen,
                before,
                by_program: before.and_then(|before| by_program(connection.socket.cookie, &before)),
                own: connection.bpf.map(|bpf| bpf.own),
                fate,
                uid: connection.socket.uid,
            };
            let known = kinds.iter().find(|(known, _)| *known == kind);
            let part = known.map_or(counts.len(), |(_, part)| *part);
            match counts.get_mut(part) {
                Some(count) => *count += 1,
                None => {
                    kinds.push((kind, part));
                    counts.push(1);
                }
            }
            if let Fate::Judged(Step::Change(_)) = fate {
                let info = connection.tcp_info();
                let heard_ago = connection.snapshot(info.as_ref()).heard_ago;
                jobs.push(Job {
                    cookie: connection.socket.cookie,
                    owners: connection.owners().numbers().collect(),
                    part,
                    peer: connection.socket.peer.ip(),
                    heard: heard_ago.and_then(|ago| Instant::now().checked_sub(ago)),
                });
            }
            ControlFlow::Continue(())
        })?;
        Ok(Self {
            netns: Some(table.namespace()),
            parts: parts(services, &counts),
            coverage,
            jobs,
            here,
            ..Self::default()
        })
    }

    /// Changes what was found, once what was before is in the undo file, and looks no second time.
    ///
    /// # Errors
    /// See [`CarryOutError`].
    pub fn carry_out(&self, table: &Table, undo: &mut UndoFile) -> Result<Outcome, CarryOutError> {
        let mut outcome = Outcome::default();
        if !self.jobs.is_empty() {
            undo.add(self.groups())?;
            let jobs: Vec<&Job> = self.jobs.iter().collect();
            self.change_all(table, &jobs, &mut outcome)?;
        }
        Ok(outcome)
    }

    /// Changes these, and tells which had their turn.
    pub(super) fn change_all(
        &self,
        table: &Table,
        jobs: &[&Job],
        outcome: &mut Outcome,
    ) -> Result<Vec<u64>, CarryOutError> {
        match table.view() {
            Some(view) => Ok(by_bpf::carry_out(view, self, jobs, outcome)?),
            None => {
                by_descriptors::carry_out(self, jobs, outcome);
                Ok(jobs.iter().map(|job| job.cookie).collect())
            }
        }
    }

    /// How many sockets are to be changed.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.jobs.len()
    }

    /// How many sockets have this fate.
    #[must_use]
    pub fn count(&self, of: impl Fn(&Fate) -> bool) -> u64 {
        let parts = self.parts.iter().filter(|part| of(&part.fate));
        parts.map(|part| part.count).sum()
    }

    pub(super) fn is_listener(&self, job: &Job) -> bool {
        let part = self.parts.get(job.part);
        part.is_some_and(|part| part.listeners)
    }

    /// The part of a job, and its change.
    pub(super) fn change(&self, job: &Job) -> Option<(&Part, Change)> {
        let part = self.parts.get(job.part)?;
        match part.fate {
            Fate::Judged(Step::Change(change)) => Some((part, change)),
            Fate::Judged(_) | Fate::CloseWait | Fate::Unseen(_) => None,
        }
    }

    /// The sockets that are to be changed, by cookie, with the place of their part.
    pub fn changing(&self) -> impl Iterator<Item = (u64, usize)> {
        self.jobs.iter().map(|job| (job.cookie, job.part))
    }

    /// Leaves out what an earlier survey had and could not change.
    pub(super) fn without(&mut self, cookies: &FxHashSet<u64>) {
        self.jobs.retain(|job| !cookies.contains(&job.cookie));
    }
}

fn parts(services: Services<Vec<(Kind, usize)>>, counts: &[u64]) -> Vec<Part> {
    let mut parts: Vec<(usize, Part)> = Vec::new();
    for service in services.into_vec() {
        for (kind, place) in service.value {
            let part = Part {
                workload: service.workload.clone(),
                process: service.process.clone(),
                role: service.role,
                listeners: kind.listeners,
                before: kind.before,
                own: kind.own,
                by_program: kind.by_program,
                fate: kind.fate,
                count: counts.get(place).copied().unwrap_or_default(),
                uid: kind.uid,
            };
            parts.push((place, part));
        }
    }
    parts.sort_by_key(|(place, _)| *place);
    parts.into_iter().map(|(_, part)| part).collect()
}

/// `None` for what concerns nobody.
fn fate(
    connection: &Connection<'_>,
    aim: &Aim,
    known: &mut Shortcut,
    ahead: &mut ArmedAhead,
) -> Option<Fate> {
    let socket = connection.socket;
    if !connection.chosen {
        return None;
    }
    let open = socket.state.may_send() || socket.state == TcpState::Listen;
    if socket.inode.is_none() && !open || socket.state == TcpState::TimeWait {
        return None;
    }
    if socket.state == TcpState::CloseWait && socket.inode.is_some() && !aim.changes_close_wait() {
        return Some(Fate::CloseWait);
    }
    Some(match &connection.settings {
        Settings::Known(before) => {
            let info = connection.tcp_info();
            let moment = connection.snapshot(info.as_ref());
            let step = known.step(aim, before, &moment);
            let step = aim.rearming(step, before, &moment);
            if let Some(late) = aim.armed_ahead(&step, before, &moment) {
                ahead.add(late);
            }
            Fate::Judged(step)
        }
        Settings::Unknown(Unreadable::Gone) => return None,
        Settings::Unknown(why) => Fate::Unseen(*why),
        Settings::NotAsked => return None,
    })
}

/// The answers so far: a machine's connections are of few kinds.
#[derive(Debug, Default)]
struct Shortcut {
    known: FxHashMap<(Effective, Snapshot), Step>,
}

/// So many answers are kept.
const KNOWN: usize = 2_048;

impl Shortcut {
    /// As [`Aim::step`]; a moment that differs from a known one in nothing that a worst case
    /// depends on is not judged again.
    fn step(&mut self, aim: &Aim, before: &Effective, snapshot: &Snapshot) -> Step {
        let kind = (*before, aim.for_worst_cases(snapshot));
        if self.known.len() >= KNOWN && !self.known.contains_key(&kind) {
            self.known.clear();
        }
        *self
            .known
            .entry(kind)
            .or_insert_with(|| aim.step(before, &kind.1))
    }
}
