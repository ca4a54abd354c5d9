//! The tables of several network namespaces, read one after the other as if they were one.

use std::ops::ControlFlow;
use std::sync::Arc;

use deadpeer_core::Kernel;
use deadpeer_sys::netns::{self, NetnsError};
use deadpeer_sys::sock_diag::SockDiag;
use rustix::io::Errno;

use super::bpf::{BpfError, BpfReader};
use super::connection::Connection;
use super::coverage::{ClosedNetns, Coverage};
use super::error::{OpenTableError, ReadTableError};
use super::namespace::OpenNamespace;
use super::netns::Netns;
use super::query::Query;
use super::scope::Scope;
use super::source::{LazyBpf, Source};
use super::stream::{Shared, Table};
use crate::filter::Filter;

/// The TCP sockets of all network namespaces that are meant.
///
/// Owners are looked up once, for all of them. A table that is open keeps its namespace from going
/// away, so that nobody else can get its number meanwhile: who looks again later opens them anew.
#[derive(Debug)]
pub struct Tables {
    tables: Vec<(Netns, Table)>,
    closed: Vec<ClosedNetns>,
    /// The means, handed from table to table.
    source: Source,
    /// Whether all are meant that can be found.
    are_many_meant: bool,
}

impl Tables {
    /// Opens the table of every namespace that is meant. Ours needs no privilege, others
    /// `CAP_SYS_ADMIN`; those that can't be entered are [named](Coverage::closed).
    ///
    /// # Errors
    /// A single namespace was meant and can't be entered, none can, or the kernel has no sock_diag.
    pub fn open(scope: &Scope) -> Result<Self, OpenTableError> {
        let mut opened = Self {
            tables: Vec::new(),
            closed: Vec::new(),
            source: Source::default(),
            are_many_meant: false,
        };
        opened.refresh(scope)?;
        Ok(opened)
    }

    /// Opens the tables of those that are meant now, with the sysctls of now, and closes those of
    /// before. What is read by eBPF is read so on.
    ///
    /// # Errors
    /// As [`open`](Self::open); the tables of before stay.
    pub fn refresh(&mut self, scope: &Scope) -> Result<(), OpenTableError> {
        let keep = |found: &[Netns]| found.iter().map(Netns::keep).collect::<Vec<_>>();
        let (mut found, mut closed) = scope.find()?;
        let mut kept = keep(&found);
        if *scope == Scope::All && kept.iter().any(is_gone) {
            // The process that led there has ended: another may be there, or nobody.
            (found, closed) = scope.find()?;
            kept = keep(&found);
        }
        let mut failed = None;
        let mut not_opened = |netns: &Netns, error: OpenTableError| {
            closed.push(ClosedNetns::of(netns, &error));
            failed.get_or_insert(error);
        };
        let mut open = Vec::new();
        for (netns, kept) in found.iter().zip(kept) {
            match kept {
                kept if *scope == Scope::All && is_gone(&kept) => {}
                Ok(kept) => open.extend(kept),
                Err(error) => not_opened(netns, error.into()),
            }
        }
        let mut tables = Vec::new();
        let opened = open_each(&open)?;
        for (netns, opened) in open.into_iter().zip(opened) {
            match opened {
                Ok(table) => tables.push((netns, table)),
                Err(error) => not_opened(&netns, error),
            }
        }
        match failed {
            Some(error) if tables.is_empty() => Err(error),
            _ => {
                (self.tables, self.closed) = (tables, closed);
                self.are_many_meant = scope.one().is_none();
                self.lend_source();
                Ok(())
            }
        }
    }

    /// As [`Table::use_bpf`], for all of them.
    ///
    /// # Errors
    /// Why that can't be had; options are then read through descriptors as before.
    pub fn use_bpf(&mut self) -> Result<(), BpfError> {
        self.source = Source::Kernel(Arc::new(BpfReader::open(self.kernel().hz)?));
        self.lend_source();
        Ok(())
    }

    /// Gives back memory that only [setting options](crate::protect::Survey::carry_out) by eBPF
    /// takes. Who does so again pays some milliseconds for it.
    pub fn rest(&self) {
        if let Source::Kernel(reader) = &self.source {
            reader.rest();
        }
    }

    /// Whether options are read from within the kernel, all of them.
    #[must_use]
    pub fn uses_bpf(&self) -> bool {
        matches!(self.source, Source::Kernel(_))
    }

    /// Lets each table read by eBPF as well if all of them do.
    fn lend_source(&mut self) {
        if let Source::Kernel(reader) = &self.source {
            for (_, table) in &mut self.tables {
                table.source = Source::Kernel(Arc::clone(reader));
            }
        }
    }

    /// Reads options through descriptors of all of them from now on, and from within the kernel
    /// where it can be had and
    ///
    /// - is faster, of some thousand sockets or open files on, or
    /// - shows more: sockets of processes that we may not look into, that wait in a listener's
    ///   queue, or of Multipath TCP.
    ///
    /// [`Coverage::read_by`] tells which it was. What is read is the same, but for
    /// [`Connection::bpf`].
    pub fn use_bpf_where_it_pays(&mut self) {
        self.source = Source::Either(LazyBpf::new(self.kernel().hz));
    }

    /// The kernel, with the sysctls of the first of them.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        let first = self.tables.first();
        first.map_or_else(|| Kernel::modern(None), |(_, table)| *table.kernel())
    }

    /// The namespaces whose tables are open, ours first.
    pub fn netns(&self) -> impl Iterator<Item = &Netns> {
        self.tables.iter().map(|(netns, _)| netns)
    }

    /// The table of the namespace with this number.
    pub fn of(&mut self, number: u64) -> Option<&mut Table> {
        let mut tables = self.tables.iter_mut();
        let found = tables.find(|(netns, _)| netns.number == number);
        found.map(|(_, table)| table)
    }

    /// Whether more than one may be meant: then sockets may lead to [others](Query::over).
    pub(crate) fn are_many_meant(&self) -> bool {
        self.are_many_meant
    }

    /// The namespaces that are meant and could not be opened.
    #[must_use]
    pub fn closed(&self) -> &[ClosedNetns] {
        &self.closed
    }

    /// The kernel's tables themselves.
    pub(crate) fn diags(&mut self) -> impl Iterator<Item = (&Netns, &mut SockDiag)> {
        let tables = self.tables.iter_mut();
        tables.map(|(netns, table)| (&*netns, table.diag()))
    }

    /// Shows every connection and listener that the query means to `visit`, each with its
    /// namespace, until it breaks: see [`Table::each`].
    ///
    /// # Errors
    /// A table could not be read to its end. What was shown before stands.
    pub fn each(
        &mut self,
        query: &Query,
        mut visit: impl FnMut(&Netns, &Connection<'_>) -> ControlFlow<()>,
    ) -> Result<Coverage, ReadTableError> {
        self.one_by_one(query, |netns, table, shared| {
            table.each_sharing(shared, query, |connection| visit(netns, connection))
        })
    }

    /// The tables of those namespaces that have a connection or listener that the filter chooses,
    /// each with its namespace, for who changes one after the other; the only one in any case. The
    /// first reading of each begins with the owners that this one has found.
    ///
    /// # Errors
    /// A table could not be read to its end.
    pub fn with_any(
        mut self,
        filter: &Filter,
    ) -> Result<(Vec<(Netns, Table)>, Coverage), ReadTableError> {
        let mut coverage = Coverage::default();
        let mut shared = Shared::default();
        if self.are_many_meant {
            let query = Query {
                filter: filter.clone(),
                settings: false,
                tcp_info: false,
                over: true,
                ..Query::default()
            };
            let mut any = Vec::new();
            coverage = self.one_by_one(&query, |netns, table, known| {
                let coverage = table.each_sharing(known, &query, |_| ControlFlow::Continue(()))?;
                if coverage.chosen > 0 {
                    any.push(netns.number);
                }
                shared = known.clone();
                Ok(coverage)
            })?;
            if self.tables.len() > 1 {
                self.tables.retain(|(netns, _)| any.contains(&netns.number));
            }
        }
        for (_, table) in &mut self.tables {
            shared.lend(table);
        }
        coverage.closed.clone_from(&self.closed);
        Ok((self.tables, coverage))
    }

    /// Lets `read` read each table with [`Table::each_sharing`], until it is stopped, and adds up
    /// what it leaves out.
    ///
    /// # Errors
    /// A table could not be read to its end.
    pub fn one_by_one(
        &mut self,
        query: &Query,
        mut read: impl FnMut(&Netns, &mut Table, &mut Shared) -> Result<Coverage, ReadTableError>,
    ) -> Result<Coverage, ReadTableError> {
        let mut shared = Shared::of_tables(self.tables.len());
        let mut coverage = Coverage::default();
        let mut next = 0;
        let mut asked: Vec<u64> = self.netns().map(|netns| netns.number).collect();
        loop {
            for (netns, table) in self.tables.iter_mut().skip(next) {
                std::mem::swap(&mut table.source, &mut self.source);
                let told = read(netns, table, &mut shared);
                std::mem::swap(&mut table.source, &mut self.source);
                coverage.join(told?);
                if coverage.stopped {
                    break;
                }
            }
            next = self.tables.len();
            let elsewhere = shared.end(&mut coverage, query, &asked);
            if !self.are_many_meant || coverage.stopped || elsewhere.is_empty() {
                break;
            }
            asked.extend(elsewhere.iter().map(OpenNamespace::number));
            elsewhere
                .into_iter()
                .for_each(|other| self.open_another(other));
        }
        coverage.closed.clone_from(&self.closed);
        Ok(coverage)
    }

    /// Opens the table of a namespace that a socket leads to.
    fn open_another(&mut self, open: OpenNamespace) {
        let netns = Netns::kept(open);
        match Table::open(&netns.way) {
            Ok(table) => {
                self.tables.push((netns, table));
                self.lend_source();
            }
            Err(error) => self.closed.push(ClosedNetns::of(&netns, &error)),
        }
    }
}

/// Whether what led to a namespace was there a moment ago and is not any more.
fn is_gone(kept: &Result<Option<Netns>, NetnsError>) -> bool {
    matches!(
        kept,
        Err(NetnsError::Open {
            errno: Errno::NOENT | Errno::SRCH,
            ..
        })
    )
}

/// Opens all tables: ours on this thread, for which it is ours, and those of others on one thread
/// that enters one namespace after the other.
fn open_each(all: &[Netns]) -> Result<Vec<Result<Table, OpenTableError>>, OpenTableError> {
    let (ours, others): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(_, it)| it.is_own);
    let ways = others.iter().map(|(_, netns)| netns.way.open());
    let table = |at: usize| Table::of_this_thread(&others[at].1.way);
    let entered = match others.is_empty() {
        true => Vec::new(),
        false => netns::enter_each(ways, table)?,
    };
    let entered = entered.into_iter().map(|table| table?);
    let places = others.iter().map(|(place, _)| *place);
    let ours = ours.into_iter();
    let ours = ours.map(|(place, netns)| (place, Table::of_this_thread(&netns.way)));
    let mut opened: Vec<_> = places.zip(entered).chain(ours).collect();
    opened.sort_by_key(|(place, _)| *place);
    Ok(opened.into_iter().map(|(_, table)| table).collect())
}
