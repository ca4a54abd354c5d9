//! Listeners that a cgroup's programs have and that were made in another, as systemd makes those of
//! its `.socket` units: what they accept belongs to the other cgroup, and so does the rule for it.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use deadpeer_bpf::{Rule, cgroup};
use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::States;

use super::new_connections::Standing;
use crate::filter::cgroup::{directory, ids, processes};
use crate::table::{Namespace, OpenTableError, Owners, Query, ReadTableError, Table};

/// A listener of a program in a cgroup for which the cgroup's rule does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MadeElsewhere {
    /// The name of a process that has it.
    pub process: Box<[u8]>,
    /// Where it listens.
    pub listener: SocketAddr,
    /// The cgroup that it was made in, by its path below the root; `None` if that is gone.
    pub cgroup: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elsewhere {
    /// The listeners.
    pub listeners: Vec<MadeElsewhere>,
    /// Processes that could not be looked into.
    pub hidden_processes: u64,
}

/// Listeners could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum MadeElsewhereError {
    /// The processes of the cgroup can't be read.
    #[error("cgroup {}: {error}", path.display())]
    Processes {
        /// The cgroup.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A table of connections can't be opened.
    #[error(transparent)]
    Open(#[from] OpenTableError),
    /// Or not be read.
    #[error(transparent)]
    Read(#[from] ReadTableError),
}

/// The listeners that programs in this cgroup or below have now, in any network namespace, and that
/// neither `rule` there nor one of `standing` holds for. Those of Multipath TCP show no owner and
/// are left out.
///
/// # Errors
/// They can't be looked for.
pub fn made_elsewhere(
    cgroup_path: &Path,
    rule: &Rule,
    standing: &[Standing],
) -> Result<Elsewhere, MadeElsewhereError> {
    let unread = |error| MadeElsewhereError::Processes {
        path: cgroup_path.to_owned(),
        error,
    };
    // Everything is below the root; and that there is no such cgroup whoever makes the rule says.
    let below_root = cgroup_path.parent().is_some();
    let Some(directory) = directory(cgroup_path).filter(|_| below_root) else {
        return Ok(Elsewhere::default());
    };
    let ids = ids(&directory).map_err(unread)?;
    let owners = Owners::scan_these(&processes(&directory)).map_err(unread)?;
    let mut found = Vec::new();
    let mut hidden_processes = owners.unreadable().len() as u64;
    for (place, processes) in namespaces(&owners)? {
        let mut query = Query::default();
        (query.owners, query.settings, query.tcp_info) = (false, false, false);
        query.filter.states = States::NONE.with(TcpState::Listen);
        let mut table = match Table::open(&place) {
            // Another's takes a privilege that a rule doesn't.
            Err(OpenTableError::Namespace(_)) => {
                hidden_processes += processes;
                continue;
            }
            opened => opened?,
        };
        table.each(&query, |connection| {
            let socket = connection.socket;
            let owner = socket.inode.and_then(|inode| owners.of(inode).next());
            if let (Some(owner), Some(made_in)) = (owner, socket.cgroup)
                && !ids.contains(&made_in)
            {
                found.push((owner.process.name().into(), socket.local, made_in));
            }
            ControlFlow::Continue(())
        })?;
    }
    let root = cgroup::root().ok();
    let path = |id| cgroup::path_of(root.as_ref()?, id);
    let named = found
        .into_iter()
        .map(|(process, listener, made_in)| MadeElsewhere {
            process,
            listener,
            cgroup: path(made_in),
        });
    let mut listeners: Vec<_> = named.filter(|it| !it.is_covered(rule, standing)).collect();
    listeners.sort();
    listeners.dedup();
    Ok(Elsewhere {
        listeners,
        hidden_processes,
    })
}

impl MadeElsewhere {
    fn is_covered(&self, rule: &Rule, standing: &[Standing]) -> bool {
        let Some(made_in) = &self.cgroup else {
            return false;
        };
        standing.iter().any(|other| {
            let is_above =
                (other.cgroup.as_ref()).is_some_and(|cgroup| made_in.starts_with(cgroup));
            let theirs = other
                .pinned
                .rule
                .filter(|_| is_above && !other.pinned.outdated);
            theirs.is_some_and(|theirs| {
                theirs.calm.idle_within <= rule.calm.idle_within && theirs.survive >= rule.survive
            })
        })
    }
}

/// Where they are, and how many processes are there.
fn namespaces(owners: &Owners) -> Result<Vec<(Namespace, u64)>, OpenTableError> {
    let own = Table::open(&Namespace::Own)?.namespace();
    let mut places: Vec<(u64, Namespace, u64)> = Vec::new();
    for process in owners.processes() {
        let Some(number) = process.network_namespace() else {
            continue;
        };
        match places.iter_mut().find(|(known, ..)| *known == number) {
            Some((.., count)) => *count += 1,
            None if number == own => places.push((number, Namespace::Own, 1)),
            None => places.push((number, Namespace::Process(process.pid()), 1)),
        }
    }
    Ok(places
        .into_iter()
        .map(|(_, place, count)| (place, count))
        .collect())
}
