//! Descriptors of sockets that no table shows: of connections that are over and that their program
//! has not closed, and of those in namespaces that nobody is in.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use deadpeer_core::TcpState;
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{netns, readiness, tcp_info};
use rustc_hash::FxHashSet;
use rustix::io::Errno;

use super::fd_borrower::FdBorrower;
use super::namespace::OpenNamespace;
use super::owners::{Owner, Owners};
use crate::filter::Filter;
use crate::workload::Workload;

/// Descriptors of connections that are over, of one program and on one local port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// What no table shows.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    pub(super) over: Vec<Over>,
    /// Network namespaces with a socket that a process of another holds: neither a process nor a
    /// mount need lead there. Each once.
    pub(super) elsewhere: Vec<OpenNamespace>,
}

/// Looks at every socket that a process of the namespaces `read` holds and that is none of `seen`,
/// the inode numbers of all that the kernel's tables show.
///
/// Most are of another kind, which the name of the protocol tells without borrowing a descriptor
/// (net/socket.c, `sockfs_xattr_get`; xattr(7)).
pub(super) fn unseen(owners: &Owners, seen: &mut [u32], read: &[u64], filter: &Filter) -> Unseen {
    let read: FxHashSet<u64> = read.iter().copied().collect();
    seen.sort_unstable();
    let mut seen = seen.iter().copied().peekable();
    let mut borrower = FdBorrower::default();
    let mut elsewhere: Vec<OpenNamespace> = Vec::new();
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
        if !filter.matches_owners([process]) {
            continue;
        }
        let Some(socket) = duplicate_if_tcp(&mut borrower, owner) else {
            continue;
        };
        if let Some(other) = is_elsewhere(&socket, &read) {
            let known = elsewhere.contains(&other);
            elsewhere.extend((!known).then_some(other));
        } else if let Some(local) = local_end_if_over(socket)
            && filter.matches_local(local)
        {
            last = Some(inode);
            let port = Some(local.port()).filter(|port| *port != 0);
            let workload = process.workload().cloned();
            let name = Box::from(process.name());
            *over.entry((name, port, netns, workload)).or_default() += 1;
        }
    }
    let over = over
        .into_iter()
        .map(|((process, port, netns, workload), count)| Over {
            netns,
            workload,
            process,
            port,
            count,
        });
    Unseen {
        over: over.collect(),
        elsewhere,
    }
}

/// Network namespaces, none of those `known`, that a process holds a TCP socket in. Each once.
pub(super) fn elsewhere(owners: &Owners, known: &FxHashSet<u64>) -> Vec<OpenNamespace> {
    let mut borrower = FdBorrower::default();
    let mut elsewhere: Vec<OpenNamespace> = Vec::new();
    let mut last = None;
    for (inode, owner) in owners.each() {
        if last.replace(inode) != Some(inode)
            && let Some(socket) = duplicate_if_tcp(&mut borrower, owner)
            && let Some(other) = is_elsewhere(&socket, known)
            && !elsewhere.contains(&other)
        {
            elsewhere.push(other);
        }
    }
    elsewhere
}

fn duplicate_if_tcp(borrower: &mut FdBorrower, owner: Owner<'_>) -> Option<OwnedFd> {
    if !may_be_tcp(owner) {
        return None;
    }
    let socket = borrower.duplicate(owner.process.pid(), owner.fd).ok()?;
    let is_tcp = matches!(
        sockopt::transport(&socket),
        Ok(Transport::Tcp | Transport::Mptcp)
    );
    is_tcp.then_some(socket)
}

fn may_be_tcp(owner: Owner<'_>) -> bool {
    let mut name = [0_u8; 16];
    let path = format!("/proc/{}/fd/{}", owner.process.pid(), owner.fd);
    let read = rustix::fs::getxattr(path.as_str(), "system.sockprotoname", &mut name[..]);
    let tcp: [&[u8]; 4] = [b"TCP\0", b"TCPv6\0", b"MPTCP\0", b"MPTCPv6\0"];
    match read {
        Ok(len) => name.get(..len).is_some_and(|name| tcp.contains(&name)),
        // Another user's: the link can't be looked at, the descriptor can.
        Err(errno) => errno == Errno::ACCESS,
    }
}

/// Where a socket is, if that is none of the namespaces that were read. One that is in their tables
/// may have come since.
fn is_elsewhere(socket: &OwnedFd, read: &FxHashSet<u64>) -> Option<OpenNamespace> {
    let open = OpenNamespace::new(netns::open_of_socket(socket).ok()?, None).ok()?;
    (!read.contains(&open.number())).then_some(open)
}

/// The local end of what was connected once and is closed.
fn local_end_if_over(socket: OwnedFd) -> Option<SocketAddr> {
    let over = match sockopt::transport(&socket).ok()? {
        Transport::Mptcp => is_whole_over(&socket),
        Transport::Tcp | Transport::Other => is_over(&socket),
    };
    let local = || TcpStream::from(socket).local_addr().ok();
    over.then(local).flatten()
}

/// Whether it was connected once, as a measured round trip shows, and is closed.
fn is_over(socket: &OwnedFd) -> bool {
    let info = tcp_info(socket);
    info.is_ok_and(|info| info.state == Some(TcpState::Close) && info.rtt_us.is_some())
}

/// The same of Multipath TCP: with its last part gone it has no TCP_INFO. One that never was
/// connected is hung up, too, but has no end of data (net/mptcp/protocol.c, `mptcp_poll`).
fn is_whole_over(socket: &OwnedFd) -> bool {
    let signs = readiness::signs(socket);
    signs.is_ok_and(|signs| signs.hangup && signs.read_hangup)
}
