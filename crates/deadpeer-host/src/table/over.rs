//! Descriptors of connections that are over: the kernel's table does not list them any more, and
//! the program has not closed them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::RawFd;
use std::sync::Arc;

use deadpeer_core::TcpState;
use deadpeer_sys::tcp_info;
use rustc_hash::FxHashSet;

use super::fd_borrower::FdBorrower;
use super::owners::{Owner, Owners};
use crate::filter::Filter;
use crate::workload::Workload;

/// Descriptors of connections that are over, of one program and on one local port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Over {
    /// The number of the network namespace that its process is in.
    pub netns: u64,
    /// What the process belongs to.
    pub workload: Option<Arc<Workload>>,
    /// The name of the process, bytes as it chose them.
    pub process: Box<[u8]>,
    /// The local port that the connections had; `None`: it does not show any more.
    pub port: Option<u16>,
    /// How many.
    pub count: u64,
}

/// Looks at every socket that a process of the namespaces `read` holds and that is none of `seen`,
/// the inode numbers of all that the kernel's tables show.
///
/// Most are of another kind, which the name of the protocol tells without borrowing a descriptor
/// (net/socket.c, `sockfs_xattr_get`; xattr(7)).
pub(crate) fn count(
    owners: &Owners,
    mut seen: Vec<u32>,
    read: &[u64],
    filter: &Filter,
) -> Vec<Over> {
    let read: FxHashSet<u64> = read.iter().copied().collect();
    seen.sort_unstable();
    let mut seen = seen.into_iter().peekable();
    let mut borrower = FdBorrower::default();
    let mut over: BTreeMap<_, u64> = BTreeMap::new();
    let mut last = None;
    for (inode, owner) in owners.each() {
        while seen.peek().is_some_and(|seen| *seen < inode) {
            seen.next();
        }
        // What several processes share is counted once.
        let known = seen.peek() == Some(&inode) || last == Some(inode);
        let process = owner.process;
        let netns = process.network_namespace();
        let Some(netns) = netns.filter(|netns| !known && read.contains(netns)) else {
            continue;
        };
        if !filter.matches_owners([process]) || !is_tcp(owner) {
            continue;
        }
        if let Some(local) = local_end_if_over(&mut borrower, owner)
            && filter.matches_local(local)
        {
            last = Some(inode);
            let port = Some(local.port()).filter(|port| *port != 0);
            let workload = process.workload().cloned();
            let name = Box::from(process.name());
            *over.entry((name, port, netns, workload)).or_default() += 1;
        }
    }
    let over = over.into_iter();
    over.map(|((process, port, netns, workload), count)| Over {
        netns,
        workload,
        process,
        port,
        count,
    })
    .collect()
}

fn is_tcp(owner: Owner<'_>) -> bool {
    let mut name = [0_u8; 16];
    let path = format!("/proc/{}/fd/{}", owner.process.pid(), owner.fd);
    let read = rustix::fs::getxattr(path.as_str(), "system.sockprotoname", &mut name[..]);
    read.is_ok_and(|len| matches!(name.get(..len), Some(b"TCP\0" | b"TCPv6\0")))
}

/// The local end of what was connected once, as a measured round trip shows, and is closed.
fn local_end_if_over(borrower: &mut FdBorrower, owner: Owner<'_>) -> Option<SocketAddr> {
    let (pid, fd): (u32, RawFd) = (owner.process.pid(), owner.fd);
    let duplicate = borrower.duplicate(pid, fd).ok()?;
    let info = tcp_info(&duplicate).ok()?;
    if info.state != Some(TcpState::Close) || info.rtt_us.is_none() {
        return None;
    }
    TcpStream::from(duplicate).local_addr().ok()
}
