//! `deadpeer audit`: which connections would hang on a vanished peer, and for how long.

pub(crate) mod cells;
mod doing;
mod each;
pub(crate) mod gaps;
mod grouped;
pub(crate) mod json;
mod judge;
mod middlebox;
mod proof;
pub(crate) mod summary;
mod tally;
pub(crate) mod words;

use crate::exit::{Exit, Stop};
use crate::filter_args::FilterArgs;
use crate::text::duration;
use crate::text::table::Look;
use clap::Args;
use deadpeer_core::TcpState;
use deadpeer_host::{Connection, Coverage, Query, States, Table};
use judge::Judge;
use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

/// Show which connections would hang on a vanished peer, and for how long
///
/// For every connection and listener of this network namespace: who owns it, the settings really in force, and
/// after how long a vanished peer is noticed in the worst case: while idle, with data in flight, and if the
/// program writes just before keepalive's verdict. Worst first. Listeners stand for the connections they will accept.
///
/// Root sees everything. Anybody else sees all connections, but the settings of their own programs alone; for the
/// others the armed timer tells a part, marked with > (at least). What could not be seen is said at the end.
///
/// Settings and owners are read through the owners' descriptors (CAP_SYS_PTRACE; Linux 5.6), and by eBPF (CAP_BPF and
/// CAP_PERFMON; Linux 5.12 with BTF) where that is faster, from some thousand sockets or open files on, or shows
/// more: programs that may not be traced, and connections that wait to be accepted. The last line of --json tells which.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The deadline (30s, 1m30s, 2h): mark what misses it, and exit with code 1 if anything does
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    within: Option<Duration>,
    /// One line for each connection, with what it is doing now
    #[arg(long)]
    each: bool,
    /// Print JSON lines, see schemas/; with --each in the kernel's order
    #[arg(long)]
    json: bool,
    /// Don't look for owners, and so not for settings: faster, and only the armed timers tell
    #[arg(long)]
    no_owners: bool,
    /// Don't use eBPF, even where it is faster or shows more
    #[arg(long)]
    no_bpf: bool,
    /// Use eBPF even where it is slower, and end with code 2 if it can't be had
    #[arg(long, conflicts_with_all = ["no_bpf", "no_owners"])]
    bpf: bool,
    /// A box in the path that forgets idle connections: aws-alb, aws-nlb, azure, gcp, ipvs or a time like 350s
    #[arg(long, value_name = "NAME|TIME", value_parser = middlebox::parse)]
    middlebox: Option<Duration>,
    #[command(flatten)]
    filters: FilterArgs,
}

/// Looks, judges and prints.
pub(crate) fn run(args: &AuditArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    let query = args.query()?;
    let mut table =
        Table::open(&args.filters.namespace()).map_err(|error| args.filters.cannot_open(&error))?;
    args.choose_means(&mut table)?;
    let judge = Judge::new(*table.kernel(), args.within, args.middlebox);
    let audit = Audit { args, judge, look };
    let (summary, coverage) = match args.each {
        true => each::run(&audit, &mut table, &query, out)?,
        false => grouped::run(&audit, &mut table, &query, out)?,
    };
    gaps::write(&audit, &summary, &coverage, out)?;
    summary::write(&audit, &summary, coverage.read_by, out)?;
    let whole = coverage.hidden_processes.is_empty();
    Ok(summary.exit(args.within.is_some(), !args.filters.is_empty(), whole))
}

/// Shows every connection to `show`, until it fails.
fn visit(
    table: &mut Table,
    query: &Query,
    mut show: impl FnMut(&Connection<'_>) -> Result<(), Stop>,
) -> Result<Coverage, Stop> {
    let mut stop = None;
    let coverage = table.each(query, |connection| match show(connection) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            stop = Some(error);
            ControlFlow::Break(())
        }
    });
    match stop {
        Some(stop) => Err(stop),
        None => coverage.map_err(|error| Stop::from_error(&error)),
    }
}

fn is_listener(connection: &Connection<'_>) -> bool {
    connection.socket.state == TcpState::Listen
}

/// The question, and how it is answered.
struct Audit<'a> {
    args: &'a AuditArgs,
    judge: Judge,
    look: Look,
}

impl AuditArgs {
    fn choose_means(&self, table: &mut Table) -> Result<(), Stop> {
        match (self.bpf, self.no_bpf) {
            (true, _) => table
                .use_bpf()
                .map_err(|why| Stop::because(format!("no eBPF: {why}"))),
            (false, true) => Ok(()),
            (false, false) => {
                table.use_bpf_where_it_pays();
                Ok(())
            }
        }
    }

    fn query(&self) -> Result<Query, Stop> {
        let mut query = Query::default();
        query.filter = self.filters.filter()?;
        if query.filter.states == States::ALL {
            // Nobody waits for what is over.
            query.filter.states = States::LIVE;
        }
        query.owners = !self.no_owners;
        query.settings = !self.no_owners;
        // Who accepted a connection tells its service, and what it should have inherited.
        query.context = true;
        Ok(query)
    }
}
