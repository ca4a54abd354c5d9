//! What stands, and what is to be done: every chosen socket looked at once, before anything is
//! changed.

mod judge;
mod part;

pub use part::{ArmedEnds, Fate, Part};

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::os::fd::RawFd;
use std::time::Instant;

use deadpeer_core::Effective;
use rustc_hash::FxHashSet;

use super::aim::{Aim, Change, Step};
use super::armed::ArmedAhead;
use super::asking::Asking;
use super::outcome::{CarryOutError, Outcome};
use super::overwriting::{NothingAccepted, Overwriting};
use super::{by_bpf, by_descriptors};
use crate::filter::Filter;
use crate::table::{Connection, Coverage, Query, ReadTableError, Table};
use crate::undo::UndoFile;
use judge::{Found, Judge};
use part::{Parts, as_they_look};

/// The chosen sockets, sorted by what is to be done with them.
#[derive(Debug, Default)]
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

impl Job {
    fn of(connection: &Connection<'_>, part: usize) -> Self {
        let info = connection.tcp_info();
        let heard_ago = connection.snapshot(info.as_ref()).heard_ago;
        Self {
            cookie: connection.socket.cookie,
            owners: connection.owners().numbers().collect(),
            part,
            peer: connection.socket.peer.ip(),
            heard: heard_ago.and_then(|ago| Instant::now().checked_sub(ago)),
        }
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
        let mut judge = Judge::new(aim);
        let by_program = |cookie: u64, now: &Effective| {
            (!changed.contains(&cookie)).then(|| aim.by_program(cookie, now))
        };
        let mut survey = Self::by(table, filter, by_program, |connection| {
            judge.found(connection)
        })?;
        survey.armed_ahead = judge.armed_ahead();
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
            asking.fate(connection).map(Found::from)
        })
    }

    fn by(
        table: &mut Table,
        filter: &Filter,
        by_program: impl Fn(u64, &Effective) -> Option<Effective>,
        mut found: impl FnMut(&Connection<'_>) -> Option<Found>,
    ) -> Result<Self, ReadTableError> {
        let query = Query {
            filter: filter.clone(),
            every_option: true,
            context: true,
            forecast_only: true,
            ..Query::default()
        };
        let mut parts = Parts::new(table);
        let mut jobs = Vec::new();
        let mut here = FxHashSet::default();
        let coverage = table.each(&query, |connection| {
            here.insert(connection.socket.local.ip());
            let found = found(connection);
            let part = parts.add(connection, found.as_ref(), &by_program);
            if let (Some(found), Some(part)) = (found, part)
                && found.fate.change().is_some()
            {
                jobs.push(Job::of(connection, part));
            }
            ControlFlow::Continue(())
        })?;
        Ok(Self {
            netns: Some(table.namespace()),
            parts: parts.into_vec(),
            coverage,
            jobs,
            here,
            ..Self::default()
        })
    }

    /// The parts as they are shown: what looks the same is one.
    #[must_use]
    pub fn shown(&self) -> Vec<Part> {
        as_they_look(&self.parts)
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
        part.is_some_and(Part::are_listeners)
    }

    /// The part of a job, and its change.
    pub(super) fn change(&self, job: &Job) -> Option<(&Part, Change)> {
        let part = self.parts.get(job.part)?;
        match part.fate {
            Fate::Judged(Step::Change(change)) => Some((part, change)),
            Fate::Judged(_) | Fate::CloseWait | Fate::Supervised | Fate::Unseen(_) => None,
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
