//! Connections chosen by a filter, kept by what identifies them, for verbs that act on each.

mod by_kernel;
mod risk;

pub use by_kernel::ByKernel;
pub use risk::{Forgotten, Risk};

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use deadpeer_core::{Kernel, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{SocketId, States};

use crate::filter::Filter;
use crate::table::{Connection, Coverage, Namespace, Netns, Query, ReadTableError, Tables};
use crate::workload::Workload;

/// A connection as the table showed it at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its network namespace; `None`: not told, and so ours.
    pub netns: Option<Arc<Netns>>,
    /// What its program belongs to.
    pub workload: Option<Arc<Workload>>,
    /// What it is, now and later.
    pub id: SocketId,
    /// Its state then.
    pub state: TcpState,
    /// The number of its descriptor, or of that of the Multipath TCP connection that it is a part
    /// of; `None`: it never had one, or it was closed.
    pub inode: Option<NonZeroU32>,
    /// Whether it is a part of a Multipath TCP connection.
    pub multipath: bool,
    /// Who holds it, as far as we may see: names, pids and descriptors.
    pub owners: Vec<TargetOwner>,
    /// The user it belongs to.
    pub uid: u32,
    /// How long nothing had been heard of the peer then.
    pub heard_ago: Option<Duration>,
    /// What had been sent by then and not been answered: retransmissions or probes.
    pub unanswered: u32,
    /// What the kernel does by itself, in a state in which nobody can be asked.
    pub by_kernel: Option<ByKernel>,
    /// Whether a question could be the end of it.
    pub risk: Option<Risk>,
}

/// A process that holds a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOwner {
    /// Its name, bytes as it chose them.
    pub process: Box<[u8]>,
    /// Its number.
    pub pid: u32,
    /// Its descriptor.
    pub fd: RawFd,
}

/// States in which there is a peer that could be gone.
const WITH_PEER: States = States::LIVE.without(TcpState::Listen);

impl Target {
    /// Every connection that the filter chooses and that has a peer: no listeners, and what is over
    /// on both sides (TIME_WAIT) only where the filter asks for some states alone.
    ///
    /// # Errors
    /// A table could not be read.
    pub fn all(
        tables: &mut Tables,
        filter: &Filter,
    ) -> Result<(Vec<Self>, Coverage), ReadTableError> {
        let mut filter = filter.clone();
        let over = filter.states != States::ALL && filter.states.contains(TcpState::TimeWait);
        filter.states = filter.states.and(WITH_PEER);
        if over {
            filter.states = filter.states.with(TcpState::TimeWait);
        }
        let query = Query {
            filter,
            settings: false,
            over: tables.are_many_meant(),
            ..Query::default()
        };
        let mut targets = Vec::new();
        let coverage = tables.one_by_one(&query, |netns, table, shared| {
            let netns = Arc::new(netns.clone());
            let kernel = *table.kernel();
            let before = targets.len();
            let coverage = table.each_sharing(shared, &query, |connection| {
                targets.push(Self {
                    netns: Some(Arc::clone(&netns)),
                    by_kernel: by_kernel(connection, &kernel),
                    ..Self::of(connection)
                });
                ControlFlow::Continue(())
            })?;
            let fin_timeout = Duration::from_secs(kernel.sysctls.fin_timeout_s.into());
            for target in targets.iter_mut().skip(before) {
                let (id, heard_ago) = (&target.id, target.heard_ago);
                target.risk = Risk::of(table.diag(), id, target.state, heard_ago, fin_timeout)
                    .map_err(ReadTableError::Dump)?;
            }
            Ok(coverage)
        })?;
        Ok((targets, coverage))
    }

    /// The way to its network namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        self.netns
            .as_ref()
            .map_or(&Namespace::Own, |netns| &netns.way)
    }

    /// The number of its network namespace, if it was told.
    #[must_use]
    pub fn netns_number(&self) -> Option<u64> {
        self.netns.as_ref().map(|netns| netns.number)
    }

    /// Connections by the number of their namespace.
    #[must_use]
    pub fn by_netns<'t>(
        targets: impl IntoIterator<Item = &'t Self>,
    ) -> BTreeMap<Option<u64>, Vec<&'t Self>> {
        let mut by_netns: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for target in targets {
            let there = by_netns.entry(target.netns_number()).or_default();
            there.push(target);
        }
        by_netns
    }

    /// The processes that hold it, with their descriptors.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (u32, RawFd)> {
        self.owners.iter().map(|owner| (owner.pid, owner.fd))
    }

    /// A connection as the table shows it; what the kernel does by itself, and whether a question
    /// could be a risk, is left open.
    #[must_use]
    pub fn of(connection: &Connection<'_>) -> Self {
        let socket = connection.socket;
        let info = connection.tcp_info();
        let owners = connection.owners().map(|owner| TargetOwner {
            process: owner.process.name().into(),
            pid: owner.process.pid(),
            fd: owner.fd,
        });
        let owner = connection.owner();
        let workload = owner.and_then(|owner| owner.process.workload());
        Self {
            netns: None,
            workload: workload.cloned(),
            id: socket.id(),
            state: socket.state,
            inode: socket.inode,
            multipath: socket.multipath,
            owners: owners.collect(),
            uid: socket.uid,
            heard_ago: info.as_ref().and_then(TcpInfo::heard_ago),
            unanswered: match info.as_ref() {
                Some(info) => unanswered(info),
                None => socket.timer.map_or(0, |timer| timer.unanswered.into()),
            },
            by_kernel: None,
            risk: None,
        }
    }
}

fn by_kernel(connection: &Connection<'_>, kernel: &Kernel) -> Option<ByKernel> {
    let socket = connection.socket;
    ByKernel::is_in_charge(socket.state, socket.inode.is_some())
        .then(|| ByKernel::of(socket, connection.tcp_info().as_ref(), kernel))
}

fn unanswered(info: &TcpInfo) -> u32 {
    let probes = u32::from(info.probes.unwrap_or(0));
    probes.max(info.retransmits.unwrap_or(0).into())
}
