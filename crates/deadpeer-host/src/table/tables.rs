//! The tables of several network namespaces, read one after the other as if they were one.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use deadpeer_core::Kernel;
use deadpeer_sys::netns;
use deadpeer_sys::sock_diag::SockDiag;

use super::bpf::{BpfError, BpfReader};
use super::connection::Connection;
use super::coverage::{ClosedNetns, Coverage};
use super::error::{OpenTableError, ReadTableError};
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
}

impl Tables {
    /// Opens the table of every namespace that is meant. Ours needs no privilege, others
    /// `CAP_SYS_ADMIN`; those that can't be entered are [named](Coverage::closed).
    ///
    /// # Errors
    /// A single namespace was meant and can't be entered, none can, or the kernel has no sock_diag.
    pub fn open(scope: &Scope) -> Result<Self, OpenTableError> {
        let (found, mut closed) = scope.find()?;
        let mut tables = Vec::new();
        let mut failed = None;
        for (netns, opened) in found.iter().zip(open_each(&found)?) {
            match opened {
                Ok(table) if table.namespace() == netns.number => {
                    tables.push((netns.clone(), table));
                }
                // Its process ended, and another has its number.
                Ok(_) => {}
                Err(error) => {
                    closed.push(ClosedNetns {
                        number: Some(netns.number),
                        known_as: netns.to_string(),
                        why: error.to_string(),
                    });
                    failed.get_or_insert(error);
                }
            }
        }
        match failed {
            Some(error) if tables.is_empty() => Err(error),
            _ => Ok(Self {
                tables,
                closed,
                source: Source::default(),
            }),
        }
    }

    /// As [`Table::use_bpf`], for all of them.
    ///
    /// # Errors
    /// Why that can't be had; options are then read through descriptors as before.
    pub fn use_bpf(&mut self) -> Result<(), BpfError> {
        self.source = Source::Kernel(Arc::new(BpfReader::open(self.kernel().hz)?));
        Ok(())
    }

    /// As [`Table::use_bpf_where_it_pays`], for all of them.
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
        if self.tables.len() > 1 {
            let query = Query {
                filter: filter.clone(),
                settings: false,
                tcp_info: false,
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
            self.tables.retain(|(netns, _)| any.contains(&netns.number));
        }
        for (_, table) in &mut self.tables {
            shared.lend(table);
            if let Source::Kernel(reader) = &self.source {
                table.source = Source::Kernel(Arc::clone(reader));
            }
        }
        coverage.closed.clone_from(&self.closed);
        Ok((self.tables, coverage))
    }

    /// Lets `read` read each table, until it is stopped, and adds up what it leaves out.
    pub(crate) fn one_by_one(
        &mut self,
        query: &Query,
        mut read: impl FnMut(&Netns, &mut Table, &mut Shared) -> Result<Coverage, ReadTableError>,
    ) -> Result<Coverage, ReadTableError> {
        let mut shared = Shared::default();
        let mut coverage = Coverage::default();
        let many = self.tables.len() > 1;
        for (netns, table) in &mut self.tables {
            std::mem::swap(&mut table.source, &mut self.source);
            let told = read(netns, table, &mut shared);
            std::mem::swap(&mut table.source, &mut self.source);
            match told {
                // It has gone away meanwhile, and its sockets with it.
                Err(_) if many && netns.is_gone() => {}
                told => coverage.join(told?),
            }
            if coverage.stopped {
                break;
            }
        }
        let numbers: Vec<u64> = self.netns().map(|netns| netns.number).collect();
        shared.end(&mut coverage, query, &numbers);
        coverage.closed.clone_from(&self.closed);
        Ok(coverage)
    }
}

/// Opens all tables, those of others on one thread that enters one namespace after the other.
fn open_each(all: &[Netns]) -> Result<Vec<Result<Table, OpenTableError>>, OpenTableError> {
    if let [netns] = all {
        return Ok(vec![Table::open(&netns.way)]);
    }
    // What is ours is ours on this thread alone.
    let here = fs::read_link("/proc/thread-self").unwrap_or_else(|_| "self".into());
    let here = Path::new("/proc").join(here).join("ns/net");
    let open = |netns: &Netns| match netns.is_own {
        true => netns::open(&here),
        false => netns.way.open(),
    };
    let table = |place: usize| {
        all.get(place)
            .map(|netns| Table::of_this_thread(&netns.way))
    };
    let opened = netns::enter_each(all.iter().map(open), table)?;
    let opened = opened.into_iter().flat_map(|entered| match entered {
        Ok(table) => table,
        Err(error) => Some(Err(error.into())),
    });
    Ok(opened.collect())
}
