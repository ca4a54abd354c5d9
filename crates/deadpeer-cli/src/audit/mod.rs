//! `deadpeer audit`: which connections would hang on a vanished peer, and for how long.

pub(crate) mod cells;
mod doing;
mod each;
pub(crate) mod gaps;
mod grouped;
pub(crate) mod json;
mod middlebox;
pub(crate) mod summary;
pub(crate) mod words;

use crate::exit::{Exit, Stop};
use crate::filter_args::FilterArgs;
use crate::text::duration;
use crate::text::table::Look;
use clap::Args;
use deadpeer_host::Table;
use deadpeer_host::audit::{Audit as HostAudit, Compliance};
use std::io::Write;
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
    let mut query = HostAudit::query(args.filters.filter()?, !args.no_owners);
    query.forecast_only = !(args.each && args.json);
    let mut table =
        Table::open(&args.filters.namespace()).map_err(|error| args.filters.cannot_open(&error))?;
    args.choose_means(&mut table)?;
    let judge = HostAudit::new(table.kernel())
        .within(args.within)
        .behind_middlebox(args.middlebox);
    let audit = Audit { args, judge, look };
    let machine = match args.each {
        true => each::run(&audit, &mut table, &query, out)?,
        false => grouped::run(&audit, &mut table, &query, out)?,
    };
    gaps::write(&audit, &machine, out)?;
    summary::write(&audit, &machine, out)?;
    Ok(match machine.compliance(!args.filters.is_empty()) {
        Compliance::InTime | Compliance::NotJudged => Exit::Fine,
        Compliance::Late => Exit::Over,
        Compliance::Undecided | _ => Exit::Unknown,
    })
}

/// The question, and how it is answered.
struct Audit<'a> {
    args: &'a AuditArgs,
    judge: HostAudit,
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
}
