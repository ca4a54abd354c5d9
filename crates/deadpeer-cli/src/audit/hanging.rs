//! What hangs now and what leaks, in sentences.

use std::fmt;
use std::io::Write;

use deadpeer_core::Notice;
use deadpeer_core::forecast::Awaited;
use deadpeer_host::Role;
use deadpeer_host::audit::{Hanging, Leak, Machine, Wait};
use deadpeer_report::duration::{Lower, Upper};
use deadpeer_report::plural::plural;
use deadpeer_report::record;
use deadpeer_report::sanitize::sanitize_bytes;

use super::words::{In, PlaceWords, RoleWords};
use crate::exit::Stop;
use crate::output::{Output, line};
use crate::text::bytes::Bytes;
use crate::text::paragraph::paragraph;
use crate::text::style;

/// As many as a person reads; JSON has all.
const MOST: usize = 20;

/// Prints what hangs and what leaks.
pub(super) fn write(machine: &Machine, output: Output, out: &mut impl Write) -> Result<(), Stop> {
    match output {
        Output::Json => {
            for hanging in &machine.hanging {
                line(out, &record::Hanging::from(hanging))?;
            }
            for leak in &machine.leaks {
                line(out, &record::Leak::from(leak))?;
            }
        }
        Output::Text(look) => {
            let hanging = machine
                .hanging
                .iter()
                .map(|hanging| HangingWords(hanging).to_string());
            let leaks = machine.leaks.iter().map(|leak| LeakWords(leak).to_string());
            for texts in [hanging.collect::<Vec<_>>(), leaks.collect()] {
                for text in texts.iter().take(MOST) {
                    paragraph(out, look, style::BAD, "", "  ", text)?;
                }
                if let Some(more) = texts.len().checked_sub(MOST).filter(|more| *more > 0) {
                    let more = format!("{more} more such lines: --json has all of them.");
                    paragraph(out, look, style::NOTE, "", "  ", &more)?;
                }
                if !texts.is_empty() {
                    out.write_all(b"\n")?;
                }
            }
        }
    }
    Ok(())
}

/// "HUNG NOW: 2 connections of psql to 10.0.0.7:5432 have waited 3m 48s for an acknowledgement; the
/// kernel gives up within 12m 01s."
struct HangingWords<'a>(&'a Hanging);

impl fmt::Display for HangingWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(hanging) = self;
        f.write_str(match hanging.wait {
            Wait::Peer(Awaited::Reader) => "PEER DOES NOT READ: ",
            Wait::Program => "NOT READ HERE: ",
            Wait::Peer(_) => "HUNG NOW: ",
        })?;
        write!(
            f,
            "{}{}{} ",
            plural(hanging.count, "connection"),
            Of(&hanging.process),
            In(PlaceWords {
                netns: hanging.netns.as_deref(),
                workload: hanging.workload.as_deref(),
            })
        )?;
        self.ends(f)?;
        self.waits(f)?;
        self.gives_up(f)?;
        f.write_str(".")
    }
}

impl HangingWords<'_> {
    /// For how long, and for what.
    fn waits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(hanging) = self;
        let (have, upto) = match hanging.count {
            1 => ("has", ""),
            _ => ("have", "up to "),
        };
        let since = Lower(hanging.longest);
        let (begin, end) = match hanging.wait {
            Wait::Peer(Awaited::Connection) => ("waited ", " for an answer to connect()"),
            Wait::Peer(Awaited::Acknowledgement) => ("waited ", " for an acknowledgement"),
            Wait::Peer(Awaited::FinAcknowledgement) => {
                ("waited ", " for the acknowledgement of the close")
            }
            Wait::Peer(Awaited::Probe) => (
                "heard nothing for ",
                ", and keepalive probes are not answered",
            ),
            Wait::Peer(Awaited::Window) => (
                "heard nothing for ",
                ", and probes of the closed window are not answered",
            ),
            Wait::Peer(Awaited::Reader) => (
                "waited ",
                " for room in the peer's window: its kernel answers, so its host is there, and its program is frozen or slow",
            ),
            Wait::Program => {
                let bytes = Bytes(hanging.unread_bytes);
                return write!(
                    f,
                    " {have} {bytes} that the program has not read for {upto}{since}"
                );
            }
            Wait::Peer(_) => ("waited ", ""),
        };
        write!(f, " {have} {begin}{upto}{since}{end}")
    }

    /// When the kernel ends the last of them.
    fn gives_up(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(hanging) = self;
        let by = match (hanging.wait, hanging.count) {
            (Wait::Peer(Awaited::Reader), _) => "the user timeout ends it",
            (_, 1) => "the kernel gives up",
            _ => "the kernel gives up the last",
        };
        match hanging.last_ends {
            Some(Notice::Within(span)) => write!(f, "; {by} within {}", Upper(span.latest)),
            Some(Notice::Never) => f.write_str("; the kernel never gives up"),
            None => Ok(()),
        }
    }

    fn ends(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(hanging) = self;
        match (hanging.role, hanging.peer) {
            (Role::Outgoing(port), Some(peer)) => {
                write!(f, "to {}", std::net::SocketAddr::from((peer, port)))
            }
            (role, Some(peer)) => write!(f, "from {peer} on {}", RoleWords(role)),
            (role @ Role::Outgoing(_), None) => write!(f, "{} of further peers", RoleWords(role)),
            (role, None) => write!(f, "from further peers on {}", RoleWords(role)),
        }
    }
}

/// "LEAK: the peers of 897 connections of python3 (127.0.0.1:8095) have closed, and it does not
/// close its side: for up to 3h, 12 more in the last minute; 40 more descriptors have no connection
/// any more."
struct LeakWords<'a>(&'a Leak);

impl fmt::Display for LeakWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(leak) = self;
        let (count, over) = (leak.unclosed.count, leak.over);
        let place = In(PlaceWords {
            netns: leak.netns.as_deref(),
            workload: leak.workload.as_deref(),
        });
        f.write_str("LEAK: ")?;
        if count > 0 {
            let have = if count == 1 {
                "the peer of 1 connection"
            } else {
                "the peers of"
            };
            match count {
                1 => f.write_str(have)?,
                _ => write!(f, "{have} {}", plural(count, "connection"))?,
            }
            write!(f, "{}{}", Of(&leak.process), place)?;
            if let Some(role) = leak.role {
                write!(f, " ({})", RoleWords(role))?;
            }
            let have = if count == 1 { "has" } else { "have" };
            write!(
                f,
                " {have} closed, and the program does not close its side: for up to {}",
                Lower(leak.unclosed.oldest)
            )?;
            if let Some((more, unit)) = leak.unclosed.growth() {
                write!(f, ", growing by {more} in the last {unit}")?;
            }
        }
        if over > 0 {
            match count {
                0 => write!(
                    f,
                    "{}{}{place}",
                    plural(over, "descriptor"),
                    Of(&leak.process)
                )?,
                _ => write!(f, "; {over} more of its descriptors")?,
            }
            if let (0, Some(port)) = (count, leak.port) {
                write!(f, " (port {port})")?;
            }
            let (have, are) = if over == 1 {
                ("has", "is")
            } else {
                ("have", "are")
            };
            write!(f, " {have} no connection any more and {are} not closed")?;
        }
        f.write_str(".")
    }
}

/// " of psql", where that shows.
struct Of<'a>(&'a Option<Box<[u8]>>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(process) => write!(f, " of {}", sanitize_bytes(process)),
            None => Ok(()),
        }
    }
}
