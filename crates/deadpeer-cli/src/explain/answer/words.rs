//! What a capture comes to as a whole, in words.

use deadpeer_capture::dissect::Skip;
use deadpeer_report::plural::{plural, plural_of};

use super::Answer;

impl Answer<'_> {
    /// What it all comes to.
    pub(in crate::explain) fn headline(&self) -> String {
        let packets = self.totals.packets;
        match (self.totals.segments, self.not_looked_into()) {
            (0, 0) => return format!("no TCP in {packets} packets"),
            (0, n) => return format!("no TCP in {} of {packets} packets", packets - n),
            _ => {}
        }
        let untold = match (self.deaths, self.untold) {
            (0, 0) => return "nobody was gone".into(),
            (0, 1) => {
                return "of 1 connection, the capture does not tell whether anybody was gone"
                    .into();
            }
            (0, n) => {
                return format!(
                    "of {n} connections, the capture does not tell whether anybody was gone"
                );
            }
            (_, 0) => String::new(),
            (_, n) => format!("; of {n} the capture does not tell"),
        };
        match self.deaths {
            1 => format!("1 connection hung on somebody who was gone{untold}"),
            n => format!("{n} connections hung on somebody who was gone{untold}"),
        }
    }

    /// How much the capture holds.
    pub(in crate::explain) fn size(&self) -> String {
        let packets = plural(self.totals.packets, "packet");
        let connections = plural(self.totals.connections, "connection");
        format!("{packets} of {connections}")
    }

    /// How many packets may carry TCP that could not be read.
    fn not_looked_into(&self) -> u64 {
        self.totals
            .skipped()
            .filter(|(skip, _)| matches!(skip, Skip::UnknownLink(_) | Skip::Opaque(_)))
            .map(|(_, count)| count)
            .sum()
    }

    /// What one has to know about the capture to judge the rest, one sentence each.
    pub(in crate::explain) fn caveats(&self) -> Vec<String> {
        let totals = &self.totals;
        let known = [
            (
                self.lost.unwrap_or(0),
                "packet was lost by the capturing machine",
                "packets were lost by the capturing machine",
            ),
            (
                totals.evicted,
                "connection was forgotten: there were more than --max-connections",
                "connections were forgotten: there were more than --max-connections",
            ),
            (
                totals.seen_twice,
                "packet was captured more than once: on several interfaces, or duplicated on the path",
                "packets were captured more than once: on several interfaces, or duplicated on the path",
            ),
            (
                u64::from(totals.clock_steps),
                "time the clock was set back: what follows is told as if it hadn't been",
                "times the clock was set back: what follows is told as if it hadn't been",
            ),
            (
                u64::from(totals.apart),
                "time nothing was captured for more than 30 days: what follows is told as another capture",
                "times nothing was captured for more than 30 days: what follows is told as another capture",
            ),
            (
                totals.mistimed,
                "packet has a time more than 30 days from those around it, from a broken clock or another capture: that of the packet before it is used",
                "packets have times more than 30 days from those around them, from a broken clock or another capture: those of the packets before them are used",
            ),
            (
                totals.untimed,
                "packet has no timestamp of its own: that of the packet before it is used",
                "packets have no timestamp of their own: that of the packet before them is used",
            ),
            (
                self.retold as u64,
                "connection was captured twice, before and after its addresses were translated: it is told once",
                "connections were captured twice, before and after their addresses were translated: they are told once",
            ),
        ];
        let known = known
            .into_iter()
            .filter_map(|(count, one, many)| caveat(count, one, many));
        let skipped = totals.skipped().filter_map(|(skip, count)| {
            let (one, many) = unread(skip)?;
            caveat(count, &one, &many)
        });
        known.chain(skipped).collect()
    }
}

fn caveat(count: u64, one: &str, many: &str) -> Option<String> {
    (count > 0).then(|| plural_of(count, one, many))
}

/// Why a packet was not read, and why several were not; `None` for what is no TCP.
fn unread(skip: Skip) -> Option<(String, String)> {
    let (one, many) = match skip {
        Skip::UnknownLink(link) => {
            return Some((
                format!("packet has {link}, not decoded"),
                format!("packets have {link}, not decoded"),
            ));
        }
        Skip::Opaque(what) => {
            return Some((
                format!("packet is {what}, not decoded"),
                format!("packets are {what}, not decoded"),
            ));
        }
        Skip::CutShort => (
            "packet was cut too short to read",
            "packets were cut too short to read",
        ),
        Skip::Malformed => ("packet is malformed", "packets are malformed"),
        Skip::NestedTooDeep => (
            "packet has too many headers",
            "packets have too many headers",
        ),
        Skip::LaterFragment => (
            "fragment after the first was skipped",
            "fragments after the first were skipped",
        ),
        Skip::NotIp | Skip::NotTcp | _ => return None,
    };
    Some((one.into(), many.into()))
}
