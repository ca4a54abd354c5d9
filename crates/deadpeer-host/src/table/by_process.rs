//! The sockets of one namespace of many, through the processes that hold them.
//!
//! The kernel's table is a hash that all network namespaces have in common
//! (Documentation/networking/ip-sysctl.rst, tcp_child_ehash_entries): whoever reads the part of one
//! passes the connections of all. Of two hundred namespaces that is most of what an audit costs.

use std::ops::ControlFlow;

use deadpeer_bpf::Socket;
use deadpeer_core::TcpState;
use rustc_hash::FxHashSet;

use super::bpf::View;
use super::owners::Owners;
use super::query::Query;
use super::sockstat::Sockstat;

/// With more processes, or sockets, the table is as fast.
const MOST_PROCESSES: usize = 256;
const MOST_SOCKETS: u64 = 20_000;

/// Every socket of the namespace with this number that the query means, and others, listeners
/// first; `None`: the table has to be read, for some may be held by nobody, or they are many.
///
/// The kernel counts the sockets of a namespace. If as many are held by its processes, there is no
/// other: neither in a listener's queue, nor without a descriptor, nor with a process elsewhere.
/// What it does not count, connection requests and what is kept like TIME_WAIT, is told by the
/// listeners and counted apart.
pub(super) fn whole(
    view: View<'_>,
    owners: &Owners,
    namespace: u64,
    query: &Query,
) -> Option<Vec<Socket>> {
    let processes = owners.processes().iter();
    let inside = processes.filter(|process| process.network_namespace() == Some(namespace));
    let pids: Vec<u32> = inside.map(|process| process.pid()).collect();
    let count = || match pids.first() {
        Some(pid) => Sockstat::of(pid),
        None => view.count(),
    };
    let counted = count()?;
    if pids.len() > MOST_PROCESSES || counted.in_use > MOST_SOCKETS || keeps(counted, query) {
        return None;
    }
    let held = view.held()?;
    let mut known = FxHashSet::default();
    let mut sockets = Vec::new();
    for pid in &pids {
        // One that has ended holds nothing, as the count shows.
        let _ = held.each(*pid, |socket| {
            if u64::from(socket.namespace) == namespace && known.insert(socket.cookie) {
                sockets.push(socket.clone());
            }
            ControlFlow::Continue(())
        });
    }
    if query.filter.states.contains(TcpState::SynRecv) && sockets.iter().any(|it| it.requested) {
        return None;
    }
    let is_all =
        |counted: Sockstat| counted.in_use == sockets.len() as u64 && !keeps(counted, query);
    if !is_all(counted) && !is_all(count()?) {
        return None;
    }
    sockets.sort_by_key(|socket| socket.state != TcpState::Listen);
    Some(sockets)
}

/// Whether something may be meant that is in TIME_WAIT, or kept like it.
fn keeps(counted: Sockstat, query: &Query) -> bool {
    let states = query.filter.states;
    let kept = query.kept && states.contains(TcpState::FinWait2);
    counted.time_wait > 0 && (kept || states.contains(TcpState::TimeWait))
}
