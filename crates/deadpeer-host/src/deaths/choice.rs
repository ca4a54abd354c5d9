//! The selector, applied to the dead.

use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::Socket;

use super::death::Death;
use crate::filter::{Filter, ResolveError, Selector};

/// Names are looked up no more often than this, and looking takes at most a twentieth of our time.
const SHORTEST: Duration = Duration::from_secs(1);
const REST: u32 = 20;

/// Which deaths are told.
#[derive(Debug)]
pub(super) struct Choice {
    selector: Selector,
    /// What it means, as far as is known.
    filter: Filter,
    next_check: Instant,
    nobodys: u64,
}

impl Choice {
    pub(super) fn of(selector: Selector) -> Result<Self, ResolveError> {
        let filter = selector.resolve()?.filter;
        Ok(Self {
            selector,
            filter,
            next_check: Instant::now() + SHORTEST,
            nobodys: 0,
        })
    }

    /// Connections of containers that have started since are chosen too, and those of containers
    /// that have ended stay chosen: their deaths may still be on the way.
    pub(super) fn resolve_again(&mut self, now: Instant) {
        if now < self.next_check || !self.selector.has_names() {
            return;
        }
        if let Ok(resolved) = self.selector.resolve() {
            let before = std::mem::replace(&mut self.filter, resolved.filter);
            add(&mut self.filter.cgroups, before.cgroups);
            add(&mut self.filter.users, before.users);
        }
        let took = now.elapsed();
        self.next_check = now + took + (took * REST).max(SHORTEST);
    }

    /// Deaths left out because an owner is asked for and none could be seen.
    pub(super) fn nobodys(&self) -> u64 {
        self.nobodys
    }

    /// Whether a death is chosen.
    pub(super) fn takes(&mut self, death: &Death) -> bool {
        let state = death.last.state.unwrap_or(TcpState::Established);
        let mut socket = Socket::new(state, death.local, death.peer);
        socket.uid = death.uid.unwrap_or(u32::MAX);
        socket.cgroup = death.cgroup;
        if !self.filter.matches_socket(&socket) {
            return false;
        }
        let process = death.owner.as_ref().map(|owner| &*owner.process);
        if process.is_none() && self.filter.needs_owners() {
            self.nobodys += 1;
            return false;
        }
        self.filter.matches_owners(process)
    }
}

/// Adds those that are not there.
fn add<T: Ord>(to: &mut Option<Vec<T>>, known: Option<Vec<T>>) {
    if let (Some(to), Some(known)) = (to, known) {
        to.extend(known);
        to.sort_unstable();
        to.dedup();
    }
}
