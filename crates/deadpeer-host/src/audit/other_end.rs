//! Connections within the machine, of which both ends are in the table.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use deadpeer_core::Finding;
use deadpeer_sys::sock_diag::States;
use rustc_hash::FxHashSet;

use crate::filter::Filter;
use crate::table::{Connection, Query, ReadTableError, Tables};

/// The ends that speak before a middlebox forgets the connection, each by its own address and its
/// peer's, and the number of its network namespace where both are loopback's: those addresses are
/// everywhere, and each namespace has its own.
#[derive(Debug, Default)]
pub(super) struct Speaking(FxHashSet<(Option<u64>, SocketAddr, SocketAddr)>);

impl Speaking {
    /// Reads every connection of the tables, whatever is audited: the other end of one that is may
    /// belong to anybody, and be in another namespace.
    pub(super) fn read(tables: &mut Tables, limit: Duration) -> Result<Self, ReadTableError> {
        let mut speaking = Self::default();
        tables.each(&everything(), |netns, connection| {
            speaking.add(netns.number, connection, limit)
        })?;
        Ok(speaking)
    }

    fn add(&mut self, netns: u64, connection: &Connection<'_>, limit: Duration) -> ControlFlow<()> {
        let socket = connection.socket;
        if let Some(options) = connection.settings.effective().filter(|set| set.keepalive) {
            let snapshot = connection.snapshot(connection.tcp_info().as_ref());
            if Finding::of_middlebox(options, &snapshot, limit).is_none() {
                self.0.insert(key(netns, socket.local, socket.peer));
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the other end of a connection of this namespace speaks in time: a probe and its
    /// answer pass the middlebox, whoever sent which.
    pub(super) fn for_peer_of(&self, netns: u64, local: SocketAddr, peer: SocketAddr) -> bool {
        self.0.contains(&key(netns, peer, local))
    }
}

fn key(netns: u64, one: SocketAddr, other: SocketAddr) -> (Option<u64>, SocketAddr, SocketAddr) {
    let inside = one.ip().is_loopback() || other.ip().is_loopback();
    (inside.then_some(netns), one, other)
}

fn everything() -> Query {
    Query {
        filter: Filter {
            states: States::LIVE,
            ..Filter::default()
        },
        forecast_only: true,
        ..Query::default()
    }
}
