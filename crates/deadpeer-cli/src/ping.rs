//! `deadpeer ping`: is the other end of this connection there?

mod words;

use std::collections::HashSet;
use std::io::Write;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use clap::Args;
use deadpeer_host::audit::Replies;
use deadpeer_host::{Coverage, Questions, Reply, Target};
use deadpeer_report::duration;
use deadpeer_report::plural::plural;
use deadpeer_report::{Gap, record};
use deadpeer_sys::signals::{Interruption, Second};

use crate::drive::{Ended, drive, interruption, pause};
use crate::exit::{Exit, Stop};
use crate::filter_args::{Chosen, FilterArgs};
use crate::gaps::{self, Missing};
use crate::lending::Lending;
use crate::open_files;
use crate::output::{Output, OutputArgs};
use crate::text::style;

/// Ask the peers of open connections whether they are still there, by keepalive probes
///
/// Sends a keepalive probe on a connection of any process and waits for the answer: like ping(8),
/// but answered by the peer's kernel and sent on the connection itself, through its NAT, firewall
/// and load balancer. No application data is sent, and neither program notices. The kernel sends
/// such a probe only after a second of silence, and never while data is in flight; then the
/// retransmissions ask the same, and ping reports those.
///
/// For a few milliseconds, ping changes SO_KEEPALIVE and TCP_KEEPIDLE of the connection, then
/// restores them. If it is killed by SIGKILL in between, it leaves a file that `deadpeer protect
/// --list` shows and `--undo` restores from.
///
/// The kernel answers even if the peer's program hangs. Needs CAP_SYS_PTRACE (which root has), or
/// to run as the same user as the connection's process. The parts of a Multipath TCP connection are
/// asked one by one, by eBPF (CAP_BPF and CAP_PERFMON, Linux 5.15); it is alive if one answers.
///
/// A probe can end a dead connection, because a kernel that no longer knows it answers with an RST.
/// Where that can be foreseen, ping says so and probes only with --force: when the peer has closed
/// its end (CLOSE_WAIT) and has had time to forget the connection: 60 s, or our own tcp_fin_timeout
/// if that is less. That a peer has rebooted can't be foreseen: if its answer ends the connection,
/// ping says so.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct PingArgs {
    /// Stop after this many probes on each connection; without it, ping goes on until Ctrl-C
    #[arg(short = 'c', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Time between probes, at least 1s: the kernel sends none after a shorter silence
    #[arg(short = 'i', long, value_name = "TIME", default_value = "1s", value_parser = interval, allow_hyphen_values = true)]
    interval: Duration,
    /// How long to wait for an answer
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = duration::parse, allow_hyphen_values = true)]
    timeout: Duration,
    /// Also probe connections that the answer of a peer that has forgotten them would end
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    filters: FilterArgs,
}

const AFTER_HELP: &str = "\
Examples:
  deadpeer ping -c 1 --process postgres --peer 10.0.0.7
  deadpeer ping --pid 4711 --port 6379

Exit codes:
  0  every connection's peer answered, or was heard a moment ago
  1  a connection has ended, or three probes in a row (or all that were sent, if fewer) went
     unanswered: ours, or the kernel's own probes and retransmissions
  2  usage or run-time error
  3  can't tell: nothing matches, not permitted, or nothing could be asked";

/// The kernel counts the second of silence from the last answer, in ticks.
const SILENCE: Duration = Duration::from_millis(1_020);

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration::parse(text)?;
    match interval < Duration::from_secs(1) {
        true => Err("the kernel sends no keepalive probe before a second of silence".into()),
        false => Ok(interval),
    }
}

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    chosen: Chosen,
    count: Option<u32>,
    interval: Duration,
    timeout: Duration,
    force: bool,
}

impl PingArgs {
    /// As plain values, once what is named has been looked up.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        Ok(Request {
            chosen: self.filters.chosen_or(
                "no connections selected: use a filter such as --pid, --port or --peer, or --all",
            )?,
            count: self.count,
            interval: self.interval,
            timeout: self.timeout,
            force: self.force,
        })
    }
}

/// Asks until enough was asked, and sums up.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    open_files::raise_limit();
    let mut tables = request.chosen.open_all()?;
    let (targets, coverage) = Target::all(&mut tables, &request.chosen.filter)?;
    drop(tables);
    if targets.is_empty() {
        let none = match request.chosen.is_filtered() {
            true => format!(
                "No open connection matches {}.{}",
                request.chosen.words(),
                request.chosen.did_you_mean()
            ),
            false => "There is no open connection.".to_owned(),
        };
        output.say(out, style::NOTE, &none)?;
        output.gaps(out, coverage.left_out(gaps::privilege()))?;
        return Ok(Exit::Unknown);
    }
    let mut pings = Pings {
        request,
        output,
        replies: vec![Replies::default(); targets.len()],
        targets,
    };
    announce(&pings.targets, request.force, output, out)?;
    let interruption = interruption(Second::Ends)?;
    let mut lending = Lending::begin(&pings.targets, output, out)?;
    let ended = pings.run(&interruption, &mut lending, out)?;
    lending.end(output, out)?;
    let answer = pings.sum_up(&coverage, out)?;
    Ok(match ended {
        Ended::Interrupted => Exit::Interrupted,
        Ended::Done => answer,
    })
}

/// Says before anything is sent which questions could end a connection.
pub(crate) fn announce(
    targets: &[Target],
    all_are_asked: bool,
    output: Output,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let risks = targets.iter().filter_map(|target| target.risk);
    let asked = risks.filter(|risk| all_are_asked || !risk.takes_leave());
    let connections = asked.count() as u64;
    if connections > 0 {
        output.gaps(out, [Gap::QuestionsMayEnd { connections }])?;
        out.flush()?;
    }
    Ok(())
}

/// The connections, and what has been heard of each.
struct Pings<'a> {
    request: &'a Request,
    output: Output,
    targets: Vec<Target>,
    replies: Vec<Replies>,
}

impl Pings<'_> {
    fn run(
        &mut self,
        interruption: &Interruption,
        lending: &mut Lending,
        out: &mut impl Write,
    ) -> Result<Ended, Stop> {
        for number in 1.. {
            if number > 1 {
                lending.again(self.output, out)?;
            }
            let begun = Instant::now();
            let open: Vec<usize> = (0..self.targets.len())
                .filter(|place| self.replies[*place].goes_on())
                .collect();
            let asked: Vec<&Target> = open.iter().map(|place| &self.targets[*place]).collect();
            let mut questions = Questions::new(asked, self.request.timeout, begun)
                .allow_endings(self.request.force);
            let Ok(ended) = drive(&mut questions, Some(interruption), |_, _| ());
            let replies = questions.into_replies(Instant::now());
            lending.rest();
            for (place, reply) in open.iter().zip(replies) {
                let Some(reply) = reply else { continue };
                self.replies[*place].hear(&reply);
                self.tell(number, &self.targets[*place], &reply, out)?;
            }
            out.flush()?;
            let answered = Instant::now();
            let enough = self.request.count.is_some_and(|count| number >= count);
            if ended == Ended::Interrupted || enough || !self.replies.iter().any(Replies::goes_on) {
                return Ok(ended);
            }
            let next = (begun + self.request.interval).max(answered + SILENCE);
            let left = next.saturating_duration_since(Instant::now());
            if pause(left, Some(interruption)) {
                return Ok(Ended::Interrupted);
            }
        }
        Ok(Ended::Done)
    }

    fn tell(
        &self,
        number: u32,
        target: &Target,
        reply: &Reply,
        out: &mut impl Write,
    ) -> Result<(), Stop> {
        let record = || record::Ping {
            number,
            connection: target.into(),
            reply: reply.into(),
        };
        let text = || format!("{}: {reply}", words::Ends(target));
        self.output.tell(out, record, words::style(reply), text)
    }

    fn sum_up(&self, coverage: &Coverage, out: &mut impl Write) -> Result<Exit, Stop> {
        if let Output::Text(_) = self.output {
            out.write_all(b"\n")?;
        }
        let mut missing = Missing::new();
        let withheld = self.replies.iter().filter(|replies| replies.withheld);
        let withheld = withheld.count() as u64;
        for (target, replies) in self.targets.iter().zip(&self.replies) {
            let record = || replies.to_record(target);
            let text = || format!("{}: {}", words::Ends(target), words::Heard(replies));
            self.output.tell(out, record, style::PLAIN, text)?;
            if let Some(why) = replies.unreachable {
                *missing.entry((why, target.uid)).or_default() += 1;
            }
        }
        self.output
            .gaps(out, gaps::all(&missing, Gap::NotAsked, coverage))?;
        if withheld > 0 {
            let connections = plural(withheld, "connection");
            let hint = format!("{connections} not asked; --force asks them too.");
            self.output.say(out, style::NOTE, &hint)?;
        }
        let living = self.living();
        let exits = self.targets.iter().zip(&self.replies);
        let exits = exits.map(|(target, replies)| match target.inode {
            Some(whole) if target.multipath && living.contains(&whole) => Exit::Yes,
            Some(_) | None => exit(replies),
        });
        let left_out = (!coverage.is_whole()).then_some(Exit::Unknown);
        Ok(exits
            .chain(left_out)
            .reduce(Exit::worse)
            .unwrap_or(Exit::Unknown))
    }

    /// The Multipath TCP connections of which a part was answered.
    fn living(&self) -> HashSet<NonZeroU32> {
        let all = self.targets.iter().zip(&self.replies);
        let answered = all
            .filter(|(target, replies)| target.multipath && replies.peer_is_there() == Some(true));
        answered.filter_map(|(target, _)| target.inode).collect()
    }
}

/// The answer for scripts.
fn exit(replies: &Replies) -> Exit {
    match replies.peer_is_there() {
        Some(true) => Exit::Yes,
        Some(false) => Exit::No,
        None => Exit::Unknown,
    }
}
