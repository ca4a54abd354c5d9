//! Packets taken many at a time.
//!
//! With thousands of conversations each packet finds its own far away in memory. Looking all of a
//! batch up before the first of them is judged lets the processor fetch them at once instead of one
//! after the other.

use super::{Conversation, Conversations, Taken};
use crate::dissect::{Content, Skip, dissect};
use crate::{Moment, Packet};

/// So many packets are worth waiting for.
pub const BATCH: usize = 64;

/// Packets that were read and are not told yet.
#[derive(Debug, Default)]
pub struct Batch {
    waiting: Vec<(Option<Moment>, Result<Content, Skip>)>,
}

impl Batch {
    /// Adds a packet; its bytes are not needed any more. `true` if there are [`BATCH`] of them now.
    pub fn add(&mut self, packet: &Packet<'_>) -> bool {
        let content = dissect(packet.link, packet.bytes, packet.length);
        self.waiting.push((packet.at, content));
        self.waiting.len() >= BATCH
    }
}

impl Conversations {
    /// Takes all packets of a batch, which is empty then, and hands each to `each` as
    /// [`take`](Conversations::take) would return it.
    pub fn take_batch(&mut self, batch: &mut Batch, mut each: impl FnMut(Taken)) {
        let segments = batch.waiting.iter().map(|(_, content)| match content {
            Ok(Content::Tcp(segment)) => Some(segment),
            Ok(Content::Icmp(_)) | Err(_) => None,
        });
        let places = self.table.probably::<BATCH>(segments);
        self.touch(&places, Conversation::touch);
        // Where they are stands in what was fetched just now.
        self.touch(&places, |conversation| {
            conversation.touch_what_it_points_to() ^ self.hosts.touch(conversation.hosts)
        });
        let places = places.into_iter().chain(std::iter::repeat(None));
        for ((at, content), place) in batch.waiting.drain(..).zip(places) {
            each(self.content(at, content, place));
        }
    }

    /// Reads a part of all conversations at these places.
    fn touch(&self, places: &[Option<usize>], part: impl Fn(&Conversation) -> u64) {
        let there = places.iter().flatten();
        let touched = there.fold(0, |touched, place| touched ^ part(self.table.at(*place)));
        std::hint::black_box(touched);
    }
}
