//! What is asked of `deadpeer explain`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use deadpeer_capture::talk::Limits;
use deadpeer_report::duration;

use super::filter::{EndsFilter, HostArg};
use super::time::Zone;
use crate::flags::DeadlineArgs;
use crate::output::OutputArgs;

/// Find out from a packet capture who was gone, since when, and what noticed it
///
/// Reads pcap, pcapng and snoop, optionally compressed with gzip, zstd or lz4, from a file or from
/// standard input while it is being written (tcpdump -U -w - | deadpeer explain -). Lists the
/// connections that have something to tell, worst first; --conn tells the story of one.
/// docs/captures.md has the rules that tell keepalive probes, window probes and retransmissions
/// apart.
///
/// If a capture can't be read to its end, what came before is still told.
#[derive(Debug, Args)]
#[command(mut_arg("within", |within| within.required(false).default_value("30s").help(WITHIN)))]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ExplainArgs {
    /// Capture file, or - for standard input
    #[arg(value_name = "FILE", required_unless_present = "live")]
    file: Option<PathBuf>,
    /// Capture from this interface instead, until interrupted (needs CAP_NET_RAW)
    #[arg(long, value_name = "IFACE", conflicts_with = "file")]
    live: Option<String>,
    /// With --live: stop after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, requires = "live", allow_hyphen_values = true)]
    stop_after: Option<Duration>,
    /// Tell the story of the connection with this number
    #[arg(long, value_name = "N")]
    conn: Option<u64>,
    /// Include connections with nothing to tell
    #[arg(long)]
    all: bool,
    /// Only connections with this port at either end; can be repeated
    #[arg(long, value_name = "PORT", value_parser = deadpeer_host::filter::port)]
    port: Vec<u16>,
    /// Only connections with this address or prefix; can be repeated
    #[arg(long, value_name = "ADDRESS|PREFIX")]
    host: Vec<HostArg>,
    /// Print a line for each packet as it comes, with its role in the connection
    #[arg(long)]
    packets: bool,
    /// Write an HTML page with the stories and their diagrams to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    deadline: DeadlineArgs,
    /// Remember at most this many connections; beyond that, closed and long quiet ones are
    /// forgotten first
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections, value_parser = at_least_one)]
    max_connections: usize,
    /// Show times in UTC instead of local time
    #[arg(long)]
    utc: bool,
}

const EXAMPLES: &str = "\
Examples:
  deadpeer explain capture.pcapng
  deadpeer explain capture.pcapng --conn 3 --html story.html
  tcpdump -U -w - port 5432 | deadpeer explain -
  deadpeer explain --live eth0 --for 1m --port 6379

Exit codes:
  0  nobody was gone
  1  a connection hung on a peer that was gone
  2  usage or run-time error, or the capture could not be read to its end
  3  can't tell: the capture does not show it for some connection, or holds no TCP at all";

/// What the deadline is for here.
const WITHIN: &str = "Deadline of the plan that each death is compared with";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) source: Source,
    /// The one connection whose story is asked for, by its number.
    pub(super) conn: Option<u64>,
    /// Connections with nothing to tell too.
    pub(super) all: bool,
    pub(super) shown: EndsFilter,
    /// A line for each packet.
    pub(super) packets: bool,
    /// Where a page goes.
    pub(super) html: Option<PathBuf>,
    /// The deadline of the plan that deaths are compared with.
    pub(super) within: Duration,
    pub(super) max_connections: usize,
    pub(super) zone: Zone,
}

/// Where packets come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A capture; `-` is standard input.
    File(PathBuf),
    /// An interface of this machine.
    Live {
        interface: String,
        stop_after: Option<Duration>,
    },
}

impl Request {
    /// Whether every story is to be told.
    pub(super) fn tells_all(&self) -> bool {
        self.all && self.conn.is_none() && !self.packets
    }
}

impl ExplainArgs {
    /// As plain values.
    pub(crate) fn request(&self) -> Request {
        let source = match &self.live {
            Some(interface) => Source::Live {
                interface: interface.clone(),
                stop_after: self.stop_after,
            },
            // clap asks for one of the two.
            None => Source::File(self.file.clone().unwrap_or_default()),
        };
        Request {
            source,
            conn: self.conn,
            all: self.all,
            shown: EndsFilter {
                ports: self.port.clone(),
                hosts: self.host.clone(),
            },
            packets: self.packets,
            html: self.html.clone(),
            within: self.deadline.within,
            max_connections: self.max_connections,
            zone: Zone::new(self.utc),
        }
    }
}

/// What is being read, for people.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live { interface, .. } => f.write_str(interface),
            Self::File(file) if file.as_os_str() == "-" => f.write_str("standard input"),
            Self::File(file) => file.display().fmt(f),
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse::<usize>()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| "must be at least 1".into())
}
