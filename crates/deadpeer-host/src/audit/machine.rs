//! The connections of a network namespace, or of all, judged and added up.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use deadpeer_core::{Finding, Snapshot, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::States;

use super::connection::{Audit, Compliance, Judgement};
use super::foretold::Foretold;
use super::hanging::{self, Hanging, Hung};
use super::other_end::Speaking;
use super::overruled::overrule_listeners;
use super::tally::Tally;
use super::totals::{Asked, Totals};
use super::unclosed::Leak;
use crate::filter::Filter;
use crate::table::stream::Shared;
use crate::table::{
    Connection, Coverage, Netns, Query, ReadTableError, Service, Services, Table, Tables,
};
use crate::workload::Workload;

/// What the table showed of a connection when it was judged.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The kernel's TCP_INFO, where the query did not [do without](Query::forecast_only).
    pub info: Option<TcpInfo>,
    /// The moment for a forecast.
    pub snapshot: Snapshot,
}

/// A connection or listener of the machine, and everything that is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Audited<'a> {
    /// Its network namespace.
    pub netns: &'a Netns,
    /// What it is, and who holds it.
    pub connection: &'a Connection<'a>,
    /// What its program belongs to: its container, its pod, its unit.
    pub workload: Option<&'a Workload>,
    /// When it was judged.
    pub moment: &'a Moment,
    /// How it was judged.
    pub judgement: &'a Judgement,
    /// By what.
    pub audit: &'a Audit,
}

/// What the connections and listeners of some network namespaces come to.
#[derive(Debug)]
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
    /// The namespaces that were read, ours first.
    pub netns: Vec<Arc<Netns>>,
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
            query.kept = false;
        }
        query.over = owners && query.filter.states.contains(TcpState::CloseWait);
        query
    }

    /// Judges every connection that the query means, each by the sysctls of its namespace, shows it
    /// to `visit` until that breaks, and adds them up: the whole machine at one moment as plain
    /// values.
    ///
    /// # Errors
    /// A table could not be read to its end.
    pub fn each(
        &self,
        tables: &mut Tables,
        query: &Query,
        mut visit: impl FnMut(&Audited<'_>) -> ControlFlow<()>,
    ) -> Result<Machine, ReadTableError> {
        let speaking = match self.middlebox().filter(|_| query.settings) {
            Some(limit) => Speaking::read(tables, limit)?,
            None => Speaking::default(),
        };
        let mut sum = Sum {
            speaking,
            ..Sum::default()
        };
        let coverage = tables.one_by_one(query, |netns, table, shared| {
            let audit = self.on(table.kernel());
            sum.read(&audit, netns, table, shared, query, &mut visit)
        })?;
        Ok(sum.into_machine(self, coverage))
    }
}

impl Machine {
    /// Whether all that were meant keep the deadline, survive as many lost probes as asked for, and
    /// are not forgotten by the middlebox. `filtered`: not all were meant, so that none at all is
    /// no answer; neither is an answer that leaves a namespace out.
    #[must_use]
    pub fn compliance(&self, filtered: bool) -> Compliance {
        let whole = self.coverage.is_whole();
        self.totals.compliance(self.asked, filtered, whole)
    }

    /// Takes services that miss the deadline for undecided where their program keeps it by a
    /// timeout of its own, as far as its configuration tells: the kernel does not, and whether the
    /// program runs with what is written there can't be seen from outside.
    pub fn leave_to_programs(&mut self, mut keeps: impl FnMut(&Service<Tally>) -> bool) {
        let late = |service: &&Service<Tally>| {
            service.value.connections.late + service.value.late_listeners() > 0
        };
        for service in self.services.iter().filter(late) {
            if keeps(service) {
                self.totals.leave_to_program(&service.value);
            }
        }
    }

    /// Whether there is anything to say about where services run: a container, or a namespace that
    /// isn't ours.
    #[must_use]
    pub fn has_places(&self) -> bool {
        self.services.iter().any(|service| {
            let elsewhere = service.netns.as_ref().is_some_and(|netns| !netns.is_own);
            elsewhere
                || service
                    .workload
                    .as_ref()
                    .is_some_and(|it| it.is_contained())
        })
    }

    /// The addresses of listeners whose own settings miss the deadline and don't count, with the
    /// numbers of their namespaces: see [`Tally::listener_overruled`].
    pub fn overruled(&self) -> impl Iterator<Item = (u64, SocketAddr)> {
        self.services
            .iter()
            .filter(|service| service.value.listener_overruled)
            .filter_map(|service| Some((service.netns.as_ref()?.number, service.role.listening()?)))
    }
}

/// What has been read so far.
#[derive(Default)]
struct Sum {
    speaking: Speaking,
    services: Vec<Service<Tally>>,
    totals: Totals,
    hanging: Vec<Hanging>,
    netns: Vec<Arc<Netns>>,
}

impl Sum {
    /// Reads and judges a namespace.
    fn read(
        &mut self,
        audit: &Audit,
        netns: &Netns,
        table: &mut Table,
        shared: &mut Shared,
        query: &Query,
        visit: &mut impl FnMut(&Audited<'_>) -> ControlFlow<()>,
    ) -> Result<Coverage, ReadTableError> {
        let netns = Arc::new(netns.clone());
        let mut services: Services<Tally> = Services::new(table.ephemeral_ports());
        let mut foretold = Foretold::default();
        let mut hung = Hung::default();
        let totals = &mut self.totals;
        let coverage = table.each_sharing(shared, query, |connection| {
            let service = services.of(connection);
            if !connection.chosen {
                return ControlFlow::Continue(());
            }
            let socket = connection.socket;
            let info = connection.tcp_info();
            let snapshot = connection.snapshot(info.as_ref());
            let listener = service.listener.as_ref();
            let mut judged = audit.judge(&mut foretold, connection, &snapshot, listener);
            if self
                .speaking
                .for_peer_of(netns.number, socket.local, socket.peer)
            {
                let forgets =
                    |finding: &Finding| matches!(finding, Finding::MiddleboxForgets { .. });
                judged.findings.retain(|finding| !forgets(finding));
            }
            totals.add(&judged, socket.uid);
            service.value.add(&judged, socket.state == TcpState::Listen);
            if connection.is_unclosed() {
                service.value.unclosed.add(&snapshot, &judged);
            }
            hung.add(connection, service, &judged);
            let owner = connection.owner();
            let own = owner.and_then(|owner| owner.process.workload());
            visit(&Audited {
                netns: &netns,
                connection,
                workload: own
                    .or(service.workload.as_ref())
                    .map(|workload| &**workload),
                moment: &Moment { info, snapshot },
                judgement: &judged,
                audit,
            })
        })?;
        let mut services = shown(services);
        for service in &mut services {
            service.netns = Some(Arc::clone(&netns));
            self.totals.add_service(&service.value);
        }
        self.services.append(&mut services);
        self.hanging
            .extend(hung.into_groups().map(|hanging| Hanging {
                netns: Some(Arc::clone(&netns)),
                ..hanging
            }));
        self.netns.push(netns);
        Ok(coverage)
    }

    fn into_machine(mut self, audit: &Audit, coverage: Coverage) -> Machine {
        worst_first(&mut self.services);
        hanging::sort(&mut self.hanging);
        let of_number = |number| {
            let found = self.netns.iter().find(|netns| netns.number == number);
            found.map(Arc::clone)
        };
        Machine {
            leaks: Leak::all(&self.services, &coverage.over, of_number),
            services: self.services,
            totals: self.totals,
            hanging: self.hanging,
            coverage,
            netns: self.netns,
            asked: audit.asked(),
        }
    }
}

/// The services that have anything to show.
fn shown(services: Services<Tally>) -> Vec<Service<Tally>> {
    let mut services = services.into_vec();
    services.retain(|service| service.value.sockets() > 0);
    overrule_listeners(&mut services);
    for service in &mut services {
        service.value.sort();
    }
    services
}

fn worst_first(services: &mut [Service<Tally>]) {
    services.sort_by(|a, b| {
        let order = order(&a.value).cmp(&order(&b.value));
        order.then_with(|| (&a.process, a.role).cmp(&(&b.process, b.role)))
    });
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
