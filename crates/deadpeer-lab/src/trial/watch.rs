//! The watcher: looks at the server's connections from outside, again and again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_sys::netns;
use deadpeer_sys::sock_diag::{Request, SockDiag, Socket, States};

use super::TrialError;
use super::holders::Holders;
use super::seen::Seen;
use crate::error::LabError;
use crate::host::Host;

/// How often it looks, and so how exactly it can tell the time of an end.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// What has been seen so far of the connections to one port.
#[derive(Debug, Default)]
pub(super) struct Watch {
    table: Mutex<Table>,
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    /// By cookie.
    seen: HashMap<u64, Seen>,
    listening: bool,
    /// Looks in a row that found no listener.
    not_listening: u32,
    holders: Holders,
}

/// So many looks without a listener are no restart of the server's: half a second.
const NOT_LISTENING: u32 = 25;

impl Watch {
    /// Looks until [`Watch::stop`] is called.
    pub(super) fn run(&self, server: &Host, port: u16) -> Result<(), TrialError> {
        let mut diag = server.enter(SockDiag::open)??;
        let namespace = namespace(server)?;
        while !self.over.load(Ordering::Relaxed) {
            let began = Instant::now();
            self.check(&mut diag, namespace, port)?;
            std::thread::sleep(TICK.saturating_sub(began.elapsed()));
        }
        Ok(())
    }

    /// Ends [`Watch::run`].
    pub(super) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// The connections that the server accepted from these addresses.
    pub(super) fn accepted_from(&self, host: &Host) -> Vec<Seen> {
        let addresses: [IpAddr; 2] = [host.v4().into(), host.v6().into()];
        let table = self.table();
        let mut seen: Vec<Seen> = table
            .seen
            .values()
            .filter(|seen| seen.inode.is_some() && addresses.contains(&seen.peer.ip()))
            .cloned()
            .collect();
        seen.sort_by_key(|seen| seen.peer.port());
        seen
    }

    /// Whether the server listened when last looked at.
    pub(super) fn listening(&self) -> bool {
        self.table().listening
    }

    /// Whether the server has not listened for a while.
    pub(super) fn not_listening(&self) -> bool {
        self.table().not_listening >= NOT_LISTENING
    }

    /// Who held which socket when last looked at.
    pub(super) fn holders(&self) -> Holders {
        self.table().holders.clone()
    }

    fn check(&self, diag: &mut SockDiag, namespace: u64, port: u16) -> Result<(), TrialError> {
        let mut table = self.table();
        let request = Request {
            states: States::LIVE,
            tcp_info: true,
        };
        let mut shown = Vec::new();
        let mut listening = false;
        let end = diag.dump(request, |socket| {
            if socket.local.port() == port {
                listening |= socket.state == TcpState::Listen;
                shown.push(socket.cookie);
                table.note(socket);
            }
            ControlFlow::Continue(())
        })?;
        let now = Instant::now();
        table.listening = listening;
        table.not_listening = match listening {
            true => 0,
            false => table.not_listening + 1,
        };
        table.holders = Holders::in_namespace(namespace);
        // A dump that the kernel interrupted may have missed some.
        if !end.interrupted {
            table.miss(&shown, now);
        }
        table.close(now);
        Ok(())
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn note(&mut self, socket: &Socket<'_>) {
        if socket.state == TcpState::Listen {
            return;
        }
        self.seen
            .entry(socket.cookie)
            .and_modify(|seen| seen.again(socket))
            .or_insert_with(|| Seen::first(socket));
    }

    /// What was not shown is gone.
    fn miss(&mut self, shown: &[u64], now: Instant) {
        for seen in self.seen.values_mut() {
            if seen.gone.is_none() && !shown.contains(&seen.cookie) {
                seen.gone = Some(now);
            }
        }
    }

    /// What nobody holds is closed.
    fn close(&mut self, now: Instant) {
        let Self { seen, holders, .. } = self;
        for seen in seen.values_mut() {
            let held = seen.inode.is_none_or(|inode| holders.of(inode).is_some());
            if seen.closed.is_none() && !held {
                seen.closed = Some(now);
            }
        }
    }
}

/// The number of a host's network namespace.
pub(super) fn namespace(host: &Host) -> Result<u64, TrialError> {
    let inode = netns::inode(host.as_fd()).map_err(LabError::Call)?;
    Ok(inode)
}
