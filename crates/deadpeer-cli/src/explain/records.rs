//! Stories, packets and the capture as a whole as records.

mod story;
mod verdict;

use std::io::Write;
use std::panic::resume_unwind;
use std::sync::mpsc::{channel, sync_channel};
use std::{mem, thread};

use deadpeer_capture::Flags;
use deadpeer_capture::story::Group;
use deadpeer_capture::talk::Sighting;
use deadpeer_report::record;

use super::answer::Answer;
use super::time::rfc3339;
use crate::exit::Stop;
use crate::output::line;
use verdict::side;

/// So many bytes of lines are written at a time, at least half of it.
const CHUNK: usize = 1 << 20;
/// Of a group, so many connections are named.
const NAMED: usize = 100;

/// Writes the stories, their groups and the capture.
pub(super) fn write(answer: &Answer<'_>, out: &mut impl Write) -> Result<(), Stop> {
    if !answer.request.packets {
        stories(answer, out)?;
    }
    for told in &answer.groups {
        line(out, &group(told))?;
    }
    line(out, &capture(answer))
}

/// Writes the stories. A thread of its own makes the lines while those before them are written: its
/// strings come from a heap of its own, which stays in the processor's cache, whereas those of one
/// that a million connections have filled are far apart.
fn stories(answer: &Answer<'_>, out: &mut impl Write) -> Result<(), Stop> {
    let (made, ready) = sync_channel::<Vec<u8>>(2);
    let (emptied, empty) = channel::<Vec<u8>>();
    thread::scope(|scope| {
        let lines = thread::Builder::new().spawn_scoped(scope, move || {
            let mut lines = Vec::with_capacity(CHUNK);
            for story in answer.stories() {
                line(&mut lines, &story::record(answer, &story))?;
                if lines.len() >= CHUNK / 2 {
                    let next = empty.try_recv();
                    let next = next.unwrap_or_else(|_| Vec::with_capacity(CHUNK));
                    let full = mem::replace(&mut lines, next);
                    if made.send(full).is_err() {
                        // What was written last could not be: that is said there.
                        return Ok(());
                    }
                }
            }
            // The same holds here.
            let _ = made.send(lines);
            Ok(())
        })?;
        for mut lines in ready {
            out.write_all(&lines)?;
            lines.clear();
            // At the end nobody fills it any more.
            let _ = emptied.send(lines);
        }
        lines.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
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
