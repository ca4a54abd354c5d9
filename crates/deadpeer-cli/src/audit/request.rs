//! What is asked of an audit.

use std::time::Duration;

use clap::Args;
use deadpeer_host::Tables;

use crate::exit::Stop;
use crate::filter_args::Chosen;
use crate::flags::DeadlineArgs;
use crate::open_files;
use crate::table_args::TableArgs;

/// Show which connections would hang if their peer vanished, and for how long
///
/// For every connection and listener of this machine, those in containers included: its owner, the
/// settings in effect, and how long a vanished peer would go unnoticed in the worst case: while
/// idle, with data in flight, and when the program writes just before keepalive gives up. Worst
/// first. A listener stands for the connections it will accept. With --within, whatever misses the
/// deadline is marked, and the exit code is 1 if anything does. The answer is for each connection
/// as it is: a timer that was armed before an option or a sysctl changed still runs with the old
/// value. Where the kernel misses the deadline, but a timeout of the program's own keeps it
/// according to the configuration it was started with, audit says so, and the exit code is 3 if
/// nothing else misses the deadline: whether the program really uses that configuration can't be
/// seen from outside.
///
/// Root sees everything. Other users see every connection, but only their own programs' settings;
/// for the rest, the running timer gives a lower bound, marked with >. What could not be read is
/// listed at the end.
///
/// Settings and owners are read through the owners' descriptors (CAP_SYS_PTRACE; Linux 5.6) or by
/// eBPF (CAP_BPF and CAP_PERFMON; Linux 5.12 with BTF). eBPF is used where it is faster, from a few
/// thousand sockets or open files on, and where it shows more: processes that may not be traced,
/// and connections waiting to be accepted. The last line of --json says which was used.
#[derive(Debug, Args)]
#[command(mut_arg("within", |within| within.required(false)), after_long_help = EXAMPLES)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    deadline: Option<DeadlineArgs>,
    /// One line per connection, with what it is doing now; with --json in the kernel's order
    #[arg(long)]
    each: bool,
    /// Don't look up owners, and so no settings either: faster, but only running timers are known
    #[arg(long)]
    no_owners: bool,
    /// Use eBPF even where it is slower, and exit with code 2 if it is unavailable
    #[arg(long, conflicts_with_all = ["no_bpf", "no_owners"])]
    bpf: bool,
    /// Assume a middlebox on the path that forgets idle connections: aws-alb, aws-nlb, azure, gcp,
    /// ipvs, or its idle timeout, such as 350s
    #[arg(long, value_name = "NAME|TIME", value_parser = deadpeer_report::middlebox::parse)]
    middlebox: Option<Duration>,
    /// Minimum number of consecutive lost keepalive probes that a live peer must survive:
    /// connections that survive fewer are marked, and the exit code is 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=127))]
    survive_lost: Option<u32>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

const EXAMPLES: &str = "\
Examples:
  deadpeer audit
  deadpeer audit --within 30s
  deadpeer audit --within 30s --process redis-server --each
  deadpeer audit --middlebox aws-nlb --peer 10.0.0.0/8

Exit codes:
  0  nothing misses the deadline; without one, something was shown, or there is no connection at all
  1  something misses the deadline, survives too few lost probes, or is behind a middlebox that
     forgets it first
  2  usage or run-time error; a PID, user, cgroup, container or namespace that isn't there
  3  can't tell: no connection and no listener matches the filters, or some could not be seen; or
     protect has changed every connection that would show what a program sets on new ones";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) chosen: Chosen,
    pub(super) within: Option<Duration>,
    pub(super) each: bool,
    /// Whether to look for owners and settings.
    pub(super) owners: bool,
    pub(super) middlebox: Option<Duration>,
    pub(super) survive_lost: u32,
    means: Means,
}

#[derive(Debug, Clone, Copy)]
enum Means {
    Descriptors,
    BpfWhereItPays,
    Bpf,
}

impl AuditArgs {
    /// As plain values, once what is named has been looked up.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        Ok(Request {
            chosen: self.table.filters.chosen()?,
            within: self.deadline.map(|deadline| deadline.within),
            each: self.each,
            owners: !self.no_owners,
            middlebox: self.middlebox,
            survive_lost: self.survive_lost.unwrap_or(0),
            means: match (self.bpf, self.table.means.bpf()) {
                (true, _) => Means::Bpf,
                (false, true) => Means::BpfWhereItPays,
                (false, false) => Means::Descriptors,
            },
        })
    }
}

impl Request {
    /// The tables, ready to be read by what may be used.
    pub(super) fn open(&self) -> Result<Tables, Stop> {
        open_files::raise_limit();
        let mut tables = self.chosen.open_all()?;
        match self.means {
            Means::Descriptors => {}
            Means::BpfWhereItPays => tables.use_bpf_where_it_pays(),
            Means::Bpf => tables
                .use_bpf()
                .map_err(|why| Stop::because(format!("no eBPF: {why}")))?,
        }
        Ok(tables)
    }
}
