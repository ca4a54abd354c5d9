//! What is shown of a socket, and to whom it is counted.

use std::ops::ControlFlow;

use deadpeer_core::{KernelVersion, TcpState};
use deadpeer_sys::sock_diag::{Socket, TimerKind};

use crate::table::connection::Connection;
use crate::table::coverage::Coverage;
use crate::table::owners::OwnersOf;
use crate::table::query::Query;
use crate::table::wholes::Wholes;

/// Shows the sockets that a query means to `visit`.
pub(super) struct Show<'a, V> {
    pub(super) query: &'a Query,
    pub(super) version: Option<KernelVersion>,
    pub(super) wholes: Wholes<'a>,
    /// Takes the inode numbers of all sockets, if they are wanted.
    pub(super) inodes: Option<&'a mut Vec<u32>>,
    pub(super) coverage: Coverage,
    pub(super) visit: V,
}

impl<V: FnMut(&Connection<'_>) -> ControlFlow<()>> Show<'_, V> {
    /// Whether the filter chose it; `None` for what is not shown.
    pub(super) fn meets<'o>(
        &mut self,
        socket: &Socket<'_>,
        owners: impl FnOnce() -> OwnersOf<'o>,
    ) -> Option<bool> {
        if let (Some(inodes), Some(inode)) = (&mut self.inodes, socket.inode) {
            inodes.push(inode.get());
        }
        let query = self.query;
        if !query.kept && is_kept(socket) {
            return None;
        }
        let context = query.context && socket.state == TcpState::Listen;
        let socket = &self.as_meant(socket);
        let chosen = query.filter.matches_socket(socket) && fits(query, socket, owners());
        (chosen || context).then_some(chosen)
    }

    /// In the state in which a filter means it: who asks for CLOSE_WAIT means the parts of
    /// Multipath TCP connections whose peer has closed as well, which stay established themselves.
    fn as_meant<'s>(&self, socket: &Socket<'s>) -> Socket<'s> {
        let waits = |inode| self.wholes.state(inode) == Some(TcpState::CloseWait);
        let states = self.query.filter.states;
        let asked = states.contains(TcpState::CloseWait) && !states.contains(socket.state);
        let mut meant = *socket;
        if asked && socket.inode.is_some_and(waits) {
            meant.state = TcpState::CloseWait;
        }
        meant
    }

    /// Counts it and shows it.
    pub(super) fn show(&mut self, seen: Connection<'_>) -> ControlFlow<()> {
        let socket = seen.socket;
        if seen.chosen {
            self.coverage.count(socket, &seen.settings);
        }
        let part = socket.multipath || seen.bpf.is_some_and(|bpf| bpf.multipath);
        let whole = socket.inode.filter(|_| part);
        (self.visit)(&Connection {
            whole: whole.and_then(|inode| self.wholes.state(inode)),
            kernel: self.version,
            ..seen
        })
    }
}

/// Whether the kernel keeps it like TIME_WAIT (net/ipv4/tcp_minisocks.c, `tcp_time_wait`).
fn is_kept(socket: &Socket<'_>) -> bool {
    let timer = socket.timer.map(|timer| timer.kind);
    socket.state == TcpState::FinWait2 && timer == Some(TimerKind::TimeWait)
}

fn fits(query: &Query, socket: &Socket<'_>, owners: OwnersOf<'_>) -> bool {
    let processes = owners.map(|owner| owner.process);
    let filter = &query.filter;
    filter.matches_owners(processes.clone()) && !filter.excepts(socket, processes)
}
