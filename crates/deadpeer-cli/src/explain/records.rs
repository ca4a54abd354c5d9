//! Stories, packets and the capture as a whole as records.

mod story;
mod verdict;

use std::io::Write;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::{mem, thread};

use deadpeer_capture::story::Group;
use deadpeer_capture::talk::Sighting;
use deadpeer_capture::{Conversations, Flags, Story};
use deadpeer_report::{json, record};

use super::advice::Advice;
use super::answer::Answer;
use super::request::Request;
use super::time::rfc3339;
use crate::exit::Stop;
use crate::output::line;
use verdict::side;

/// So many bytes of lines are written at a time, at least half of it.
const CHUNK: usize = 1 << 20;
/// Of a group, so many connections are named.
const NAMED: usize = 100;

/// Judges everything. Where all stories are wanted, they are written as they are judged: each is
/// judged once, in the order in which they are in memory.
pub(super) fn judged<'a>(
    request: &'a Request,
    conversations: &'a Conversations,
    lost: Option<u64>,
    out: &mut impl Write,
) -> Result<Answer<'a>, Stop> {
    if !request.tells_all() {
        return Answer::of(request, conversations, lost, None);
    }
    beside(out, |lines| {
        let mut each =
            |advice: &Advice<'_>, story: &Story| lines.add(&story::record(advice, story));
        Answer::of(request, conversations, lost, Some(&mut each))
    })
}

/// Writes the stories that were not written yet, their groups and the capture.
pub(super) fn write(answer: &Answer<'_>, out: &mut impl Write) -> Result<(), Stop> {
    if !answer.request.packets && !answer.request.tells_all() {
        beside(out, |lines| {
            let mut stories = answer.stories();
            stories.try_for_each(|story| lines.add(&story::record(&answer.advice, &story)))
        })?;
    }
    for told in &answer.groups {
        line(out, &group(told))?;
    }
    line(out, &capture(answer))
}

/// Writes lines while a thread of its own makes those after them: its strings come from a heap of
/// its own, which stays in the processor's cache, whereas those of one that a million connections
/// have filled are far apart.
fn beside<T: Send>(
    out: &mut impl Write,
    make: impl FnOnce(&mut Lines) -> Result<T, Stop> + Send,
) -> Result<T, Stop> {
    let (made, ready) = sync_channel::<Vec<u8>>(2);
    let (emptied, empty) = channel::<Vec<u8>>();
    thread::scope(|scope| {
        let maker = thread::Builder::new().spawn_scoped(scope, move || {
            let mut lines = Lines {
                lines: Vec::with_capacity(CHUNK),
                made,
                empty,
            };
            let value = make(&mut lines)?;
            lines.hand_over()?;
            Ok(value)
        })?;
        for mut lines in ready {
            out.write_all(&lines)?;
            lines.clear();
            // At the end nobody fills it any more.
            let _ = emptied.send(lines);
        }
        maker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Lines that are being made.
struct Lines {
    lines: Vec<u8>,
    made: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

impl Lines {
    fn add(&mut self, story: &record::Story) -> Result<(), Stop> {
        json::append_line(&mut self.lines, story)?;
        match self.lines.len() >= CHUNK / 2 {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    fn hand_over(&mut self) -> Result<(), Stop> {
        let next = self.empty.try_recv();
        let next = next.unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        let full = mem::replace(&mut self.lines, next);
        // What could not be written before it is said there.
        self.made.send(full).map_err(|_| Stop::PipeClosed)
    }
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
