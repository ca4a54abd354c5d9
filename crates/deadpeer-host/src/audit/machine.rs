//! A whole network namespace judged.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::ops::ControlFlow;

use deadpeer_core::{Finding, Snapshot, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::States;

use super::connection::{Audit, Compliance, Judgement};
use super::foretold::Foretold;
use super::hanging::{Hanging, Hung};
use super::other_end::Speaking;
use super::overruled::overrule_listeners;
use super::tally::Tally;
use super::totals::{Asked, Totals};
use super::unclosed::Leak;
use crate::filter::Filter;
use crate::table::{Connection, Coverage, Query, ReadTableError, Service, Services, Table};

/// What the table showed of a connection when it was judged.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Moment {
    /// The kernel's TCP_INFO, where the query did not [do without](Query::forecast_only).
    pub info: Option<TcpInfo>,
    /// The moment for a forecast.
    pub snapshot: Snapshot,
}

/// What the connections and listeners of a network namespace come to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Machine {
    /// Every service that has any, worst first: what misses the deadline, then the later the worse.
    pub services: Vec<Service<Tally>>,
    /// All of them together.
    pub totals: Totals,
    /// What hangs now, the longest wait first.
    pub hanging: Vec<Hanging>,
    /// Descriptors that programs don't close, the most first.
    pub leaks: Vec<Leak>,
    /// What could not be seen, and descriptors of connections that are over.
    pub coverage: Coverage,
    asked: Asked,
}

impl Audit {
    /// What to read for an audit of the connections that `filter` means: those that somebody waits
    /// for, unless it asks for states. `owners`: who holds them and how they are set as well.
    /// Without [TCP_INFO](Connection::tcp_info) where there is a faster way.
    #[must_use]
    pub fn query(filter: Filter, owners: bool) -> Query {
        let mut query = Query {
            filter,
            owners,
            settings: owners,
            // Who accepted a connection tells its service, and what it should have inherited.
            context: true,
            forecast_only: true,
            ..Query::default()
        };
        if query.filter.states == States::ALL {
            // Nobody waits for what is over.
            query.filter.states = States::LIVE;
        }
        query.over = owners && query.filter.states.contains(TcpState::CloseWait);
        query
    }

    /// Judges every connection that the query means, shows each to `visit` until it breaks, and
    /// adds them up.
    ///
    /// # Errors
    /// The table could not be read to its end.
    pub fn each(
        &self,
        table: &mut Table,
        query: &Query,
        mut visit: impl FnMut(&Connection<'_>, &Moment, &Judgement) -> ControlFlow<()>,
    ) -> Result<Machine, ReadTableError> {
        let mut services: Services<Tally> = Services::new(table.ephemeral_ports());
        let mut totals = Totals::default();
        let mut foretold = Foretold::default();
        let mut hung = Hung::default();
        let speaking = match self.middlebox().filter(|_| query.settings) {
            Some(limit) => Speaking::read(table, limit)?,
            None => Speaking::default(),
        };
        let coverage = table.each(query, |connection| {
            let service = services.of(connection);
            if !connection.chosen {
                return ControlFlow::Continue(());
            }
            let info = connection.tcp_info();
            let snapshot = connection.snapshot(info.as_ref());
            let listener = service.listener.as_ref();
            let mut judged = self.judge_with(&mut foretold, connection, &snapshot, listener);
            if speaking.for_peer_of(connection.socket.local, connection.socket.peer) {
                let forgets =
                    |finding: &Finding| matches!(finding, Finding::MiddleboxForgets { .. });
                judged.findings.retain(|finding| !forgets(finding));
            }
            totals.add(&judged, connection.socket.uid);
            let listener = connection.socket.state == TcpState::Listen;
            service.value.add(&judged, listener);
            if connection.socket.inode.is_some() {
                service.value.unclosed.add(&snapshot, &judged);
            }
            hung.add(connection, service.role, &judged);
            visit(connection, &Moment { info, snapshot }, &judged)
        })?;
        let services = worst_first(services);
        for service in &services {
            totals.add_service(&service.value);
        }
        Ok(Machine {
            leaks: Leak::all(&services, &coverage.over),
            services,
            totals,
            hanging: hung.into_vec(),
            coverage,
            asked: self.asked(),
        })
    }

    /// The same without a look at each.
    ///
    /// # Errors
    /// The table could not be read to its end.
    pub fn machine(&self, table: &mut Table, query: &Query) -> Result<Machine, ReadTableError> {
        self.each(table, query, |_, _, _| ControlFlow::Continue(()))
    }
}

impl Machine {
    /// Whether all that were meant keep the deadline, survive as many lost probes as asked for, and
    /// are not forgotten by the middlebox. `filtered`: not all were meant, so that none at all is
    /// no answer.
    #[must_use]
    pub fn compliance(&self, filtered: bool) -> Compliance {
        let whole = self.coverage.hidden_processes.is_empty();
        self.totals.compliance(self.asked, filtered, whole)
    }

    /// The addresses of listeners whose own settings miss the deadline and don't count: see
    /// [`Tally::listener_overruled`].
    pub fn overruled(&self) -> impl Iterator<Item = SocketAddr> {
        self.services
            .iter()
            .filter(|service| service.value.listener_overruled)
            .filter_map(|service| service.role.listening())
    }
}

/// The services that have anything to show.
fn worst_first(services: Services<Tally>) -> Vec<Service<Tally>> {
    let mut services = services.into_vec();
    services.retain(|service| service.value.sockets() > 0);
    overrule_listeners(&mut services);
    for service in &mut services {
        service.value.sort();
    }
    services.sort_by(|a, b| {
        let order = order(&a.value).cmp(&order(&b.value));
        order.then_with(|| (&a.process, a.role).cmp(&(&b.process, b.role)))
    });
    services
}

fn order(tally: &Tally) -> impl Ord + use<> {
    let share = tally.share();
    (
        Reverse(share.late > 0),
        share.held == 0,
        Reverse(share.badness()),
        Reverse(share.count),
    )
}
