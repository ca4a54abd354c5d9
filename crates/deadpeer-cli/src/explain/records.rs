//! Stories, packets and the capture as a whole as records.

mod story;
mod verdict;

use std::io::Write;

use deadpeer_capture::Flags;
use deadpeer_capture::story::Group;
use deadpeer_capture::talk::Sighting;
use deadpeer_report::record;

use super::answer::Answer;
use super::time::rfc3339;
use crate::exit::Stop;
use crate::output::line;
use verdict::side;

/// Of a group, so many connections are named.
const NAMED: usize = 100;

/// Writes the stories, their groups and the capture.
pub(super) fn write(answer: &Answer<'_>, out: &mut impl Write) -> Result<(), Stop> {
    if !answer.request.packets {
        for story in answer.stories() {
            line(out, &story::record(answer, &story))?;
        }
    }
    for told in &answer.groups {
        line(out, &group(told))?;
    }
    line(out, &capture(answer))
}

/// A segment and what it is to its connection.
pub(super) fn packet(sighting: &Sighting) -> record::Packet {
    let segment = &sighting.segment;
    record::Packet {
        at: rfc3339(sighting.at),
        connection: sighting.conversation,
        side: side(sighting.side),
        kind: sighting.kind.word().into(),
        flags: segment.flags.to_string(),
        seq: segment.seq,
        ack: segment.flags.any(Flags::ACK).then_some(segment.ack),
        window: segment.window,
        length: segment.length,
    }
}

fn group(group: &Group) -> record::Group {
    record::Group {
        what: group.word().into(),
        count: group.connections.len(),
        connections: group.connections.iter().take(NAMED).copied().collect(),
        sentence: group.sentence(),
    }
}

fn capture(answer: &Answer<'_>) -> record::Capture {
    let totals = &answer.totals;
    record::Capture {
        packets: totals.packets,
        segments: totals.segments,
        connections: totals.connections,
        deaths: answer.deaths,
        untold: answer.untold,
        fine: answer.fine,
        retold: answer.retold,
        first: answer.span.map(|(first, _)| rfc3339(first)),
        last: answer.span.map(|(_, last)| rfc3339(last)),
        evicted: totals.evicted,
        lost: answer.lost,
        caveats: answer.caveats(),
    }
}
