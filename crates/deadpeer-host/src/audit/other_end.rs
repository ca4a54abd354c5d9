//! Connections within the machine, of which both ends are in the table.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use deadpeer_core::Finding;
use deadpeer_sys::sock_diag::States;
use rustc_hash::FxHashSet;

use crate::filter::Filter;
use crate::table::{Query, ReadTableError, Table};

/// The ends that speak before a middlebox forgets the connection, each by its own address and its
/// peer's.
#[derive(Debug, Default)]
pub(super) struct Speaking(FxHashSet<(SocketAddr, SocketAddr)>);

impl Speaking {
    /// Reads every connection of the table, whatever is audited: the other end of one that is may
    /// belong to anybody.
    pub(super) fn read(table: &mut Table, limit: Duration) -> Result<Self, ReadTableError> {
        let mut speaking = Self::default();
        let query = Query {
            filter: Filter {
                states: States::LIVE,
                ..Filter::default()
            },
            forecast_only: true,
            ..Query::default()
        };
        table.each(&query, |connection| {
            let socket = connection.socket;
            if let Some(options) = connection.settings.effective().filter(|set| set.keepalive) {
                let snapshot = connection.snapshot(connection.tcp_info().as_ref());
                if Finding::of_middlebox(options, &snapshot, limit).is_none() {
                    speaking.0.insert((socket.local, socket.peer));
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(speaking)
    }

    /// Whether the other end of a connection speaks in time: a probe and its answer pass the
    /// middlebox, whoever sent which.
    pub(super) fn for_peer_of(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        self.0.contains(&(peer, local))
    }
}
