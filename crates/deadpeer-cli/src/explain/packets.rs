//! Packets as tcpdump writes them, with what each is to its connection.

use std::collections::HashMap;
use std::io::Write;

use anstyle::Style;
use deadpeer_capture::story::Length;
use deadpeer_capture::talk::{Kind, Sighting, Taken};
use deadpeer_capture::{Flags, Moment};

use super::records;
use super::time::{Digits, Zone};
use crate::exit::Stop;
use crate::output::{Output, line};
use crate::text::look::Look;
use crate::text::style;

/// Writes a line for each packet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The last packet of each connection that was shown and asked or answered: how long ago it was
    /// is shown.
    last: HashMap<u64, Moment>,
}

/// Times are told for so many connections; then it begins anew.
const REMEMBERED: usize = 100_000;

impl Lines {
    pub(super) fn write(
        &mut self,
        taken: &Taken,
        output: Output,
        zone: Zone,
        out: &mut impl Write,
    ) -> Result<(), Stop> {
        match (taken, output) {
            (Taken::Tcp(sighting), Output::Json) => line(out, &records::packet(sighting)),
            (Taken::Tcp(sighting), Output::Text(look)) => self.segment(sighting, zone, look, out),
            (Taken::Icmp(number, at, error), Output::Text(_)) => {
                let about = number.map_or(String::new(), |number| format!("  #{number}"));
                writeln!(
                    out,
                    "{} {} > {}: ICMP {} about {} > {}{about}",
                    zone.time(*at, Digits::Microseconds),
                    error.from(),
                    error.source.address(),
                    error.kind.words(),
                    error.source,
                    error.destination,
                )?;
                Ok(())
            }
            (Taken::Icmp(..) | Taken::Nothing(_) | _, _) => Ok(()),
        }
    }

    fn segment(
        &mut self,
        sighting: &Sighting,
        zone: Zone,
        look: Look,
        out: &mut impl Write,
    ) -> Result<(), Stop> {
        let segment = &sighting.segment;
        write!(
            out,
            "{} {} > {}: Flags [{}], seq {}",
            zone.time(sighting.at, Digits::Microseconds),
            segment.source,
            segment.destination,
            segment.flags,
            segment.seq,
        )?;
        if segment.flags.any(Flags::ACK) {
            write!(out, ", ack {}", segment.ack)?;
        }
        write!(out, ", win {}, length {}", segment.window, segment.length)?;
        write!(out, "  #{}", sighting.conversation)?;
        if self.last.len() >= REMEMBERED {
            self.last.clear();
        }
        let before = self.last.insert(sighting.conversation, sighting.at);
        if let Some(words) = sighting.kind.words() {
            let pause = before.map(|before| sighting.at.since(before));
            let after = pause.map_or(String::new(), |pause| format!(", {} later", Length(pause)));
            let style = tone(sighting.kind);
            if look.color {
                write!(out, "  {style}<- {words}{after}{style:#}")?;
            } else {
                write!(out, "  <- {words}{after}")?;
            }
        }
        writeln!(out)?;
        Ok(())
    }
}

fn tone(kind: Kind) -> Style {
    match kind {
        Kind::Probe | Kind::WindowProbe | Kind::Retransmission | Kind::WindowClosed => style::NOTE,
        Kind::ProbeAnswer | Kind::WindowProbeAnswer => style::GOOD,
        Kind::Reset => style::BAD,
        Kind::Syn
        | Kind::SynAck
        | Kind::Data
        | Kind::Ack
        | Kind::DuplicateAck
        | Kind::WindowUpdate
        | Kind::Fin
        | Kind::Reordered
        | Kind::SeenTwice
        | _ => style::FAINT,
    }
}
