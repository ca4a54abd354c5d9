//! `deadpeer explain`: who died, when, and how anybody noticed, from a packet capture.

mod answer;
mod filter;
mod input;
pub(crate) mod json;
mod live;
mod packets;
mod page;
mod story;
mod summary;
mod time;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use deadpeer_capture::talk::{Batch, Limits, Taken};
use deadpeer_capture::{Conversations, Packet, ReadError};
use deadpeer_report::duration;

use crate::exit::{Exit, Stop};
use crate::text::look::Look;
use answer::Answer;
use filter::HostArg;
use packets::Lines;
use time::Zone;

/// Tell from a packet capture who was gone, since when, and what noticed it
///
/// Reads pcap, pcapng and snoop, also compressed with gzip, zstd or lz4, from a file or from
/// standard input while it is being written (tcpdump -U -w - | deadpeer explain -). Shows the
/// connections about which there is something to tell, worst first; --conn tells the story of one.
/// Keepalive probes, window probes and retransmissions are told apart by the rules of
/// docs/explain.md.
///
/// Exit code 1 if a connection hung on somebody who was gone, 3 if the capture does not tell of
/// some connection or has no TCP at all, 2 if it can't be read to its end: what came before is told
/// all the same.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The capture; - for standard input
    #[arg(value_name = "FILE", required_unless_present = "live")]
    file: Option<PathBuf>,
    /// Capture from this interface instead, until interrupted (needs CAP_NET_RAW)
    #[arg(long, value_name = "IFACE", conflicts_with = "file")]
    live: Option<String>,
    /// With --live: stop after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, requires = "live", allow_hyphen_values = true)]
    stop_after: Option<Duration>,
    /// The story of the connection with this number
    #[arg(long, value_name = "N")]
    conn: Option<u64>,
    /// Connections with nothing to tell too
    #[arg(long)]
    all: bool,
    /// Only connections with this port at either end; several are allowed
    #[arg(long, value_name = "PORT", value_parser = filter::port)]
    port: Vec<u16>,
    /// Only connections of this address or prefix; several are allowed
    #[arg(long, value_name = "ADDRESS|PREFIX")]
    host: Vec<HostArg>,
    /// A line for each packet as it comes, with what it is to its connection
    #[arg(long)]
    packets: bool,
    /// Write a page with the stories and their pictures to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON lines, see schemas/story.json, schemas/group.json, schemas/capture.json and
    /// schemas/packet.json
    #[arg(long)]
    json: bool,
    /// The deadline of the plan that each death is compared with
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "30s", allow_hyphen_values = true)]
    within: Duration,
    /// Remember so many connections at most; more make those go that are over or were quiet for
    /// long
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections, value_parser = filter::at_least_one)]
    max_connections: usize,
    /// Show times in UTC instead of local time
    #[arg(long)]
    utc: bool,
}

/// Reads and tells.
pub(crate) fn run(args: &ExplainArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    let mut telling = Telling::new(args, look);
    let read = match (&args.live, &args.file) {
        (Some(interface), _) => {
            live::capture(interface, args.stop_after, &mut telling, out)?;
            Ok(())
        }
        (None, Some(file)) => input::read(file, &mut telling, out)?,
        (None, None) => return Err(Stop::because("a capture is missing")),
    };
    telling.end(read, out)
}

/// A capture being told.
struct Telling<'a> {
    args: &'a ExplainArgs,
    look: Look,
    zone: Zone,
    conversations: Conversations,
    batch: Batch,
    lines: Option<Lines>,
    /// Packets that the capturing machine says it lost.
    lost: Option<u64>,
}

impl<'a> Telling<'a> {
    fn new(args: &'a ExplainArgs, look: Look) -> Self {
        let limits = Limits {
            connections: args.max_connections,
            closely: args.conn,
            marks: args.html.is_some(),
            ..Limits::default()
        };
        Self {
            args,
            look,
            zone: Zone::new(args.utc),
            conversations: Conversations::new(limits),
            batch: Batch::default(),
            lines: args.packets.then(Lines::default),
            lost: None,
        }
    }

    /// Takes a packet; what is to be shown is shown by [`told`](Self::told) at the latest.
    fn take(&mut self, packet: &Packet<'_>, out: &mut impl Write) -> Result<(), Stop> {
        match self.batch.add(packet) {
            true => self.told(out),
            false => Ok(()),
        }
    }

    /// Tells the packets that were taken.
    fn told(&mut self, out: &mut impl Write) -> Result<(), Stop> {
        let mut batch = std::mem::take(&mut self.batch);
        let Some(mut lines) = self.lines.take() else {
            self.conversations.take_batch(&mut batch, |_| {});
            self.batch = batch;
            return Ok(());
        };
        let mut sights = Vec::new();
        self.conversations
            .take_batch(&mut batch, |sight| sights.push(sight));
        self.batch = batch;
        for sight in sights.iter().filter(|sight| self.shows(sight)) {
            lines.write(sight, self.args.json, self.zone, self.look, out)?;
        }
        self.lines = Some(lines);
        Ok(())
    }

    fn shows(&self, sight: &Taken) -> bool {
        let (number, ends) = match sight {
            Taken::Tcp(sighting) => {
                let segment = &sighting.segment;
                (
                    Some(sighting.conversation),
                    [segment.source, segment.destination],
                )
            }
            Taken::Icmp(number, _, error) => (*number, [error.source, error.destination]),
            Taken::Nothing(_) | _ => return false,
        };
        self.args.conn.is_none_or(|conn| number == Some(conn)) && self.args.matches(ends)
    }

    /// Tells what there is to tell, and says what could not be read.
    fn end(mut self, read: Result<(), ReadError>, out: &mut impl Write) -> Result<Exit, Stop> {
        self.told(out)?;
        let answer = Answer::of(&self)?;
        if let Some(page) = &self.args.html {
            page::write(page, &answer)?;
        }
        if self.args.json {
            json::write(&answer, out)?;
        } else if self.args.conn.is_some() {
            story::write(&answer, out)?;
        } else if !self.args.packets {
            summary::write(&answer, out)?;
        }
        out.flush()?;
        match read {
            Ok(()) => Ok(answer.exit()),
            Err(error) => Err(Stop::because(format!("{}: {error}", self.args.source()))),
        }
    }
}

impl ExplainArgs {
    /// What is being read, for people.
    fn source(&self) -> String {
        match (&self.live, &self.file) {
            (Some(interface), _) => interface.clone(),
            (None, Some(file)) if file.as_os_str() == "-" => "standard input".into(),
            (None, file) => file.iter().map(|file| file.display().to_string()).collect(),
        }
    }
}
