//! Destroying by cookie, and looking again.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::num::NonZeroU32;
use std::ops::ControlFlow;

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{DestroyError, DumpError, Request, SockDiag, SocketId, States};
use rustc_hash::FxHashSet;

use super::multipath::Multipath;
use crate::table::{Namespace, OpenTableError};
use crate::target::Target;

/// What came of destroying.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destroyed {
    /// Connections that are gone from the kernel's table.
    pub destroyed: u64,
    /// Connections that ended by themselves before their turn came.
    pub gone: u64,
    /// Connections that the kernel says it destroyed, and still shows.
    pub still_there: u64,
    /// Closed connections, by their cookies, that were left as they are, because this kernel had
    /// just kept the first one: before Linux 6.12, unless it was given the mend, it throws away
    /// what such a connection has to send, and with that the timer that would have ended it
    /// (net/ipv4/tcp.c, `tcp_abort`).
    pub spared: Vec<u64>,
    /// Connections that the kernel refused to destroy, with the first reason.
    pub refused: Option<(u64, DestroyError)>,
    /// Of those that are gone: what no program held any more, or yet.
    pub unheld: u64,
    /// Of those that are gone: what belonged to Multipath TCP connections.
    pub multipath: Multipath,
}

/// Connections could not be destroyed at all.
#[derive(Debug, thiserror::Error)]
pub enum DestroyAllError {
    /// The namespace or the kernel's table could not be opened.
    #[error(transparent)]
    Open(#[from] OpenTableError),
    /// Nothing was destroyed: [`DestroyError::NotPermitted`] or [`DestroyError::Unsupported`].
    #[error(transparent)]
    Destroy(#[from] DestroyError),
    /// The table could not be read again, to make sure.
    #[error(transparent)]
    Verify(#[from] DumpError),
}

/// Whether the kernel can destroy sockets; says nothing about the privilege.
///
/// # Errors
/// It could not be asked.
pub fn is_supported(namespace: &Namespace) -> Result<bool, DestroyAllError> {
    let can = namespace.run(|| -> Result<bool, DestroyAllError> {
        let mut diag = SockDiag::open().map_err(OpenTableError::from)?;
        Ok(diag.can_destroy()?)
    });
    can.map_err(OpenTableError::from)?
}

/// Destroys connections of a namespace by their cookies, and looks whether they are gone. Takes
/// `CAP_NET_ADMIN`.
///
/// The peer of each gets an RST; its owner finds out with `ECONNABORTED`, that of a Multipath TCP
/// connection whose last part this was with `ENOTCONN`, if we can borrow its descriptor.
///
/// # Errors
/// See [`DestroyAllError`].
pub fn destroy(namespace: &Namespace, targets: &[&Target]) -> Result<Destroyed, DestroyAllError> {
    let done = namespace.run(|| {
        let mut diag = SockDiag::open().map_err(OpenTableError::from)?;
        destroy_in(&mut diag, targets)
    });
    done.map_err(OpenTableError::from)?
}

/// The same with connections of several namespaces, one after the other.
///
/// # Errors
/// See [`DestroyAllError`]: nothing was destroyed. Once something was, what fails is counted.
pub fn destroy_everywhere(targets: &[&Target]) -> Result<Destroyed, DestroyAllError> {
    let mut all = Destroyed::default();
    for there in Target::by_netns(targets.iter().copied()).values() {
        let Some(first) = there.first() else { continue };
        match destroy(first.namespace(), there) {
            Ok(done) => all.add(done),
            Err(error) if all == Destroyed::default() => return Err(error),
            Err(DestroyAllError::Destroy(why)) => all.add(Destroyed {
                refused: Some((there.len() as u64, why)),
                ..Destroyed::default()
            }),
            // Who can't enter a namespace any more can't say what became of its sockets either.
            Err(_) => all.still_there += there.len() as u64,
        }
    }
    Ok(all)
}

impl Destroyed {
    fn add(&mut self, other: Self) {
        self.destroyed += other.destroyed;
        self.gone += other.gone;
        self.still_there += other.still_there;
        self.unheld += other.unheld;
        self.spared.extend(other.spared);
        self.multipath.add(other.multipath);
        self.refused = match (self.refused.take(), other.refused) {
            (Some((one, why)), Some((more, _))) => Some((one + more, why)),
            (one, other) => one.or(other),
        };
    }
}

/// A kernel's table of sockets, as far as destroying needs it.
trait Sockets {
    fn destroy(&mut self, id: &SocketId) -> Result<(), DestroyError>;

    /// The cookie of each socket that is there, and its inode.
    fn each(&mut self, each: &mut dyn FnMut(u64, Option<NonZeroU32>)) -> Result<(), DumpError>;
}

impl Sockets for SockDiag {
    fn destroy(&mut self, id: &SocketId) -> Result<(), DestroyError> {
        self.destroy(id)
    }

    fn each(&mut self, each: &mut dyn FnMut(u64, Option<NonZeroU32>)) -> Result<(), DumpError> {
        let live = Request {
            states: States::LIVE,
            tcp_info: false,
        };
        self.dump(live, |socket| {
            each(socket.cookie, socket.inode);
            ControlFlow::Continue(())
        })?;
        Ok(())
    }
}

fn destroy_in(table: &mut impl Sockets, targets: &[&Target]) -> Result<Destroyed, DestroyAllError> {
    let mut done = Destroyed::default();
    let mut destroyed = FxHashSet::default();
    let (held, mut closed): (Vec<&Target>, Vec<&Target>) =
        targets.iter().partition(|target| !is_closed(target));
    // The first of these shows what becomes of the others: the one that has waited longest.
    closed.sort_by_key(|target| Reverse(target.heard_ago));
    for (index, target) in held.iter().chain(&closed).enumerate() {
        match table.destroy(&target.id) {
            Ok(()) => {
                destroyed.insert(target.id.cookie);
            }
            Err(DestroyError::Gone) => done.gone += 1,
            Err(error @ (DestroyError::NotPermitted | DestroyError::Unsupported))
                if destroyed.is_empty() =>
            {
                return Err(error.into());
            }
            Err(error) => {
                let (count, _) = done.refused.get_or_insert((0, error));
                *count += 1;
            }
        }
        let is_first_closed = index == held.len() && destroyed.contains(&target.id.cookie);
        if is_first_closed && is_there(table, target)? {
            let others = closed.iter().skip(1);
            done.spared = others.map(|target| target.id.cookie).collect();
            break;
        }
    }
    let mut still_there = FxHashSet::default();
    let mut left = FxHashSet::default();
    table.each(&mut |cookie, inode| {
        match destroyed.contains(&cookie) {
            true => still_there.insert(cookie),
            false => inode.is_some_and(|inode| left.insert(inode)),
        };
    })?;
    done.still_there = still_there.len() as u64;
    done.destroyed = (destroyed.len() - still_there.len()) as u64;
    let is_gone =
        |id: &SocketId| destroyed.contains(&id.cookie) && !still_there.contains(&id.cookie);
    let gone = targets.iter().copied().filter(|target| is_gone(&target.id));
    let unheld = gone.clone().filter(|target| target.inode.is_none());
    done.unheld = unheld.count() as u64;
    let parts = gone.filter(|target| target.multipath);
    done.multipath = Multipath::end(parts, &left);
    Ok(done)
}

/// Whether its program has closed it, and the kernel sends on.
fn is_closed(target: &Target) -> bool {
    let sends_on = [TcpState::FinWait1, TcpState::Closing, TcpState::LastAck];
    target.inode.is_none() && sends_on.contains(&target.state)
}

fn is_there(table: &mut impl Sockets, target: &Target) -> Result<bool, DumpError> {
    let mut is_there = false;
    table.each(&mut |cookie, _| is_there |= cookie == target.id.cookie)?;
    Ok(is_there)
}
