//! A capture being told.

use std::io::Write;

use deadpeer_capture::talk::{Batch, Limits, Taken};
use deadpeer_capture::{Conversations, Packet};

use super::packets::Lines;
use super::request::Request;
use crate::exit::Stop;
use crate::output::Output;

/// Packets in, conversations and lines about packets out.
pub(super) struct Telling<'a> {
    request: &'a Request,
    output: Output,
    pub(super) conversations: Conversations,
    batch: Batch,
    lines: Option<Lines>,
    /// Packets that the capturing machine says it lost.
    pub(super) lost: Option<u64>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(request: &'a Request, output: Output) -> Self {
        let limits = Limits {
            connections: request.max_connections,
            closely: request.conn,
            marks: request.html.is_some(),
            ..Limits::default()
        };
        Self {
            request,
            output,
            conversations: Conversations::new(limits),
            batch: Batch::default(),
            lines: request.packets.then(Lines::default),
            lost: None,
        }
    }

    /// Whether each packet is shown.
    pub(super) fn shows_packets(&self) -> bool {
        self.lines.is_some()
    }

    /// Takes a packet; what is to be shown is shown by [`told`](Self::told) at the latest.
    pub(super) fn take(&mut self, packet: &Packet<'_>, out: &mut impl Write) -> Result<(), Stop> {
        match self.batch.add(packet) {
            true => self.told(out),
            false => Ok(()),
        }
    }

    /// Tells the packets that were taken.
    pub(super) fn told(&mut self, out: &mut impl Write) -> Result<(), Stop> {
        let mut batch = std::mem::take(&mut self.batch);
        let Some(mut lines) = self.lines.take() else {
            self.conversations.take_batch(&mut batch, |_| {});
            self.batch = batch;
            return Ok(());
        };
        let mut taken = Vec::new();
        self.conversations
            .take_batch(&mut batch, |one| taken.push(one));
        self.batch = batch;
        for one in taken.iter().filter(|one| self.shows(one)) {
            lines.write(one, self.output, self.request.zone, out)?;
        }
        self.lines = Some(lines);
        Ok(())
    }

    fn shows(&self, taken: &Taken) -> bool {
        let (number, ends) = match taken {
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
        let request = self.request;
        request.conn.is_none_or(|conn| number == Some(conn)) && request.shown.matches(ends)
    }
}
