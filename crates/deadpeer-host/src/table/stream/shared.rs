//! What the readings of several tables have in common.

use crate::table::coverage::Coverage;
use crate::table::namespace::OpenNamespace;
use crate::table::over::{self, Unseen};
use crate::table::query::Query;
use crate::table::source::Known;
use crate::table::stream::Table;

/// What the readings of several tables have in common: owners are those of the whole machine, for
/// an inode number of a socket is nobody else's.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// Whether there are several.
    pub(super) of_many: bool,
    pub(super) known: Known,
    /// The inode numbers of all sockets, if they are wanted.
    pub(super) inodes: Vec<u32>,
}

impl Shared {
    /// Of so many tables.
    pub(in crate::table) fn of_tables(tables: usize) -> Self {
        Self {
            of_many: tables > 1,
            ..Self::default()
        }
    }

    /// Lets the next reading of a table begin with what is known.
    pub(crate) fn lend(&self, table: &mut Table) {
        table.known = self.known.clone();
    }

    /// Adds what the owners tell, once the tables of these namespaces were read. What is left is in
    /// others.
    pub(in crate::table) fn end(
        &mut self,
        coverage: &mut Coverage,
        query: &Query,
        read: &[u64],
    ) -> Vec<OpenNamespace> {
        let owners = &self.known.owners;
        coverage.add_owners(owners, &query.filter, read);
        coverage.no_ebpf.clone_from(&self.known.refused);
        let unseen = match query.over {
            true => over::unseen(owners, &mut self.inodes, read, &query.filter),
            false => Unseen::default(),
        };
        coverage.over = unseen.over;
        unseen.elsewhere
    }
}
