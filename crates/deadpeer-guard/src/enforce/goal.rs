//! What is to be set on the connections of a policy.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use deadpeer_core::{Kernel, Refusal};
use deadpeer_host::protect::{
    Aim, Asking, CarryOut, CarryOutError, Outcome, Part, Patience, Survey, backlog,
};
use deadpeer_host::undo::{Journal, UndoFile};
use deadpeer_host::{Filter, ReadTableError, Table, Work as _};
use deadpeer_sys::netns::NetnsError;
use rustc_hash::FxHashMap;
use rustix::event::{Timespec, poll};

use crate::config::Policy;
use crate::readings::What;
use crate::realm::ChangeError;

/// Options with which the kernel keeps the deadline, or asks and lets us judge.
pub(super) enum Goal {
    Protect(Box<Aim>),
    Supervise(Asking),
}

/// A policy could not be enforced.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnforceError {
    #[error(transparent)]
    Lock(#[from] NetnsError),
    #[error(transparent)]
    Read(#[from] ReadTableError),
    #[error(transparent)]
    Record(#[from] ChangeError),
    #[error(transparent)]
    CarryOut(#[from] CarryOutError),
    #[error("{0}")]
    Refused(Box<Refusal>),
    #[error("the record of earlier changes can't be read: {0}")]
    Journal(io::Error),
}

/// So long a burst within this machine is changed in a sweep; the next goes on with it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Goal {
    pub(super) fn of(
        policy: &Policy,
        what: What,
        kernel: &Kernel,
        directory: &Path,
        lent: &FxHashMap<u64, Patience>,
    ) -> Result<Self, EnforceError> {
        Ok(match what {
            What::Supervise => {
                let asking = Asking::within(policy.deadline(), kernel);
                Self::Supervise(asking.lending(lent.clone()))
            }
            What::Protect | What::NewConnections => {
                let aim = Aim::new(&policy.terms, kernel)
                    .map_err(|refusal| EnforceError::Refused(Box::new(refusal)))?;
                // What we have set is no choice of their programs.
                let known = Journal::read(directory).map_err(EnforceError::Journal)?;
                Self::Protect(Box::new(aim.knowing(&known)))
            }
        })
    }

    pub(super) fn survey(
        &self,
        table: &mut Table,
        filter: &Filter,
    ) -> Result<Survey, ReadTableError> {
        match self {
            Self::Protect(aim) => Survey::take(table, filter, aim),
            Self::Supervise(asking) => Survey::to_ask(table, filter, asking),
        }
    }

    /// Whether sockets whose options are to be set have what we set before, with another patience.
    pub(super) fn is_ours(&self, part: &Part) -> bool {
        match (self, &part.before) {
            (Self::Supervise(asking), Some(before)) => asking.is_ours(before),
            (Self::Supervise(_) | Self::Protect(_), _) => false,
        }
    }

    pub(super) fn carry_out(
        &self,
        survey: Survey,
        table: &mut Table,
        filter: &Filter,
        undo: &mut UndoFile,
    ) -> Result<Outcome, EnforceError> {
        match self {
            Self::Supervise(_) => Ok(survey.carry_out(table, undo)?),
            Self::Protect(aim) => {
                let now = Instant::now();
                let work = CarryOut::new(survey, table, filter, aim, undo, backlog(), now);
                Ok(drive(work, now + PATIENCE)?)
            }
        }
    }
}

/// Does the work until then.
fn drive(mut work: CarryOut<'_>, until: Instant) -> Result<Outcome, CarryOutError> {
    while let Some(due) = work.poll_timeout().filter(|due| *due <= until) {
        let wait = due.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            // What fails is EINTR alone: then it was shorter.
            let _ = poll(&mut [], Timespec::try_from(wait).ok().as_ref());
        }
        work.handle_timeout(Instant::now())?;
    }
    Ok(work.into_outcome())
}
