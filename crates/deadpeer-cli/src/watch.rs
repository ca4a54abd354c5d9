//! `deadpeer watch`: connections as they die, and why.

mod begin;
mod local;
mod record;
mod stats;
mod tally;
mod wait;

use std::io::Write;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use deadpeer_core::close_reason::CloseCause;
use deadpeer_host::Namespace;
use deadpeer_host::deaths::{Death, Deaths, DeathsQuery, Means, OpenDeathsError};
use deadpeer_host::filter::cgroup;
use deadpeer_report::duration;

use crate::audit::words::{In, PlaceWords};
use crate::exit::{Exit, Stop};
use crate::filter_args::Chosen;
use crate::output::{Output, OutputArgs, line};
use crate::table_args::TableArgs;
use crate::text::death;
use local::Local;
use record::Record;
use tally::Tally;
use wait::{Wait, Woken};

/// Show each connection as it dies, and why
///
/// Prints a line for every connection of this machine, those in containers included, that ends from
/// now on: who owned it, how long it lived, how much it carried, why it died, how long the peer had
/// been silent, and which setting decided. Connections that this side closed first and in order are
/// left out unless --all-ends is given. Prints a summary when interrupted. Namespaces other than
/// one's own need eBPF.
///
/// With eBPF (root, or CAP_BPF and CAP_PERFMON; Linux 5.12 with BTF) each death is seen as it
/// happens, with the kernel's own error, and an idle watch uses no CPU time. Without eBPF, most of
/// it comes from the kernel's announcements and from reading its table now and then: a death is
/// seen when the owner closes the connection or within seconds, guesses are marked as likely, and
/// connections that came and went between two reads have no owner. Either way nothing is taken from
/// the programs, not even a pending error.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// Include connections that this side closed first and in order
    #[arg(long)]
    all_ends: bool,
    /// Only deaths of this cause, in the words of --json, such as reset or slow-reader; repeat it
    /// for any of these
    #[arg(long, value_name = "CAUSE", value_parser = cause(), hide_possible_values = true, conflicts_with = "all_ends")]
    cause: Vec<CloseCause>,
    /// Print counts by cause and service instead of single deaths: updated in place on a terminal,
    /// otherwise every ten seconds
    #[arg(long)]
    stats: bool,
    /// With --stats: time between two updates
    #[arg(long, value_name = "TIME", value_parser = duration::parse, requires = "stats", allow_hyphen_values = true)]
    every: Option<Duration>,
    /// Exit after this many deaths
    #[arg(long, short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Exit after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    stop_after: Option<Duration>,
    /// Also remember the deaths in this file, which is made if it is not there; deadpeer history
    /// reads it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    table: TableArgs,
}

const EXAMPLES: &str = "\
Examples:
  deadpeer watch --port 5432                    everything that happens to a database's connections
  deadpeer watch --stats                        who loses connections, and to what
  deadpeer watch --cause slow-reader --cause keepalive-unanswered
  deadpeer watch --record deaths.db             and remember them for deadpeer history --file deaths.db
  deadpeer watch --json | jq 'select(.cause == \"keepalive-unanswered\")'

Capabilities: CAP_BPF and CAP_PERFMON for eBPF, CAP_SYS_PTRACE for the owners of other users' \
connections, CAP_SYS_ADMIN for --netns. Without them it does what it can, and says what it can't.

Exit codes:
  0  --count or --for was reached, or nobody reads its output any more
  2  usage or run-time error";

/// Every cause by its word.
pub(crate) fn cause() -> impl TypedValueParser<Value = CloseCause> {
    let words = CloseCause::ALL.map(CloseCause::word);
    let words = words.into_iter().chain([CloseCause::Other(0).word()]);
    PossibleValuesParser::new(words)
        .try_map(|word| CloseCause::from_word(&word).ok_or("no cause has this word"))
}

/// The pause after deaths were seen: with many of them, the next come together.
const BREATH: Duration = Duration::from_millis(5);

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    chosen: Chosen,
    all_ends: bool,
    /// Of these causes alone; empty: of all that are news.
    causes: Vec<CloseCause>,
    /// Counts instead of lines.
    stats: bool,
    /// The time between two of them.
    every: Option<Duration>,
    /// Deaths and time after which it ends.
    count: Option<u64>,
    stop_after: Option<Duration>,
    /// Where they are remembered.
    record: Option<PathBuf>,
    bpf: bool,
}

impl WatchArgs {
    pub(crate) fn output(&self) -> OutputArgs {
        self.table.output
    }

    /// As plain values, once what is named has been looked up.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        Ok(Request {
            chosen: self.table.filters.chosen()?,
            all_ends: self.all_ends,
            causes: self.cause.clone(),
            stats: self.stats,
            every: self.every,
            count: self.count,
            stop_after: self.stop_after,
            record: self.record.clone(),
            bpf: self.table.means.bpf(),
        })
    }
}

/// Watches until it is told to stop.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let mut deaths = request.open()?;
    let wait = Wait::open()?;
    let until = request.stop_after.map(|time| Instant::now() + time);
    let mut watch = Watch {
        request,
        output,
        tally: Tally::new(),
        cgroups: cgroup::Paths::default(),
        record: Record::begin(request.record.as_deref())?,
        stats: stats::Stats::new(request.every, output),
        local: Local::of(&request.chosen.namespace),
    };
    watch.begin(&deaths, out)?;
    let exit = loop {
        let seen = watch.drain(&mut deaths, out)?;
        out.flush()?;
        let total = watch.tally.counts.total();
        let enough = request.count.is_some_and(|count| total >= count);
        if enough || until.is_some_and(|until| Instant::now() >= until) {
            break Exit::Yes;
        }
        // What comes meanwhile is kept by the kernel.
        if seen > 0 && is_over(wait.pause(BREATH)?)? {
            break Exit::Interrupted;
        }
        let due = [
            deaths.poll_timeout(Instant::now()),
            watch.stats.due_in(&watch.tally),
            until.map(|until| until.saturating_duration_since(Instant::now())),
        ];
        let limit = due.into_iter().flatten().min();
        if is_over(wait.on(&[Some(deaths.as_fd()), watch.local.source()], limit)?)? {
            break Exit::Interrupted;
        }
    };
    watch.drain(&mut deaths, out)?;
    watch.end(&deaths, out)?;
    Ok(exit)
}

fn is_over(woken: Woken) -> Result<bool, Stop> {
    match woken {
        Woken::Ready | Woken::Elapsed => Ok(false),
        Woken::Interrupted => Ok(true),
        Woken::NobodyReads => Err(Stop::PipeClosed),
    }
}

impl Request {
    fn asks_for(&self, death: &Death) -> bool {
        let word = death.reason.cause.word();
        match self.causes.is_empty() {
            true => self.all_ends || !death.is_ordinary(),
            false => self.causes.iter().any(|cause| cause.word() == word),
        }
    }

    fn open(&self) -> Result<Deaths, Stop> {
        let mut query = DeathsQuery::default();
        // What the names mean later is looked up later.
        query.selector = self.chosen.selector.clone();
        query.namespace = self.chosen.namespace.clone();
        query.everywhere = self.chosen.scope.one().is_none();
        query.means = (!self.bpf).then_some(Means::SockDiag);
        Deaths::open(&query).map_err(|error| match (&self.chosen.namespace, &error) {
            (Namespace::Own, _) | (_, OpenDeathsError::Bpf(_)) => Stop::from_error(&error),
            _ => Stop::because(format!("cannot watch that network namespace: {error}")),
        })
    }
}

/// Where it was, if that is elsewhere.
fn place(death: &Death) -> String {
    let owner = death.owner.as_ref();
    let workload = owner.and_then(|owner| owner.process.workload());
    let place = In(PlaceWords {
        netns: death.netns.as_deref(),
        workload: workload.map(|workload| &**workload),
    });
    place.to_string()
}

/// What is shown, and what has been so far.
struct Watch<'a> {
    request: &'a Request,
    output: Output,
    tally: Tally,
    cgroups: cgroup::Paths,
    record: Record,
    stats: stats::Stats,
    local: Local,
}

impl Watch<'_> {
    fn begin(&self, deaths: &Deaths, out: &mut impl Write) -> Result<(), Stop> {
        match self.output {
            Output::Text(_) => begin::begin(deaths, &self.request.chosen),
            Output::Json => line(out, &deaths.to_record())?,
        }
        Ok(out.flush()?)
    }

    /// Shows what has happened; says how many deaths there were.
    fn drain(&mut self, deaths: &mut Deaths, out: &mut impl Write) -> Result<u64, Stop> {
        let mut failed = None;
        let mut seen = 0;
        self.local.listen();
        deaths
            .drain(|death| {
                seen += 1;
                if failed.is_none() {
                    failed = self.show(death, out).err();
                }
            })
            .map_err(|error| Stop::from_error(&error))?;
        self.tally.lost = deaths.lost();
        self.tally.nobodys = deaths.nobodys();
        self.record.lost(self.tally.lost);
        self.record.tell();
        if self.request.stats && failed.is_none() {
            failed = self.stats.refresh(&mut self.tally, out).err();
        }
        match failed {
            Some(stop) => Err(stop),
            None => Ok(seen),
        }
    }

    fn show(&mut self, death: &Death, out: &mut impl Write) -> Result<(), Stop> {
        if !self.request.asks_for(death) {
            match death.is_ordinary() {
                true => {
                    self.tally.ordinary += 1;
                    self.record.take(death);
                }
                false => self.tally.others += 1,
            }
            return Ok(());
        }
        let total = self.tally.counts.total();
        if self.request.count.is_some_and(|count| total >= count) {
            return Ok(());
        }
        self.tally.counts.add(death);
        self.record.take(death);
        if self.request.stats {
            return Ok(());
        }
        self.output.gaps(out, self.local.before(death))?;
        let cgroup = death.cgroup;
        let cgroup = cgroup.and_then(|number| self.cgroups.of(number, Instant::now()));
        let record = death.to_record_at(cgroup.as_deref());
        match self.output {
            Output::Text(look) => {
                let place = place(death);
                Ok(death::write(&record, &place, death::time, look, out)?)
            }
            Output::Json => line(out, &record),
        }
    }

    fn end(&mut self, deaths: &Deaths, out: &mut impl Write) -> Result<(), Stop> {
        self.tally.lost = deaths.lost();
        match self.output {
            Output::Text(look) if self.request.stats => {
                self.stats.last(&mut self.tally, look, out)?
            }
            Output::Text(look) => stats::summary(&self.tally, look, out)?,
            Output::Json => line(out, &self.tally.to_record())?,
        }
        out.flush()?;
        self.record.end()
    }
}
