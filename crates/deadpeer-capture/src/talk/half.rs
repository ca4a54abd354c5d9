//! What is known of one side of a conversation.

use std::num::NonZeroU8;
use std::time::Duration;

use super::asking::Asking;
use super::hearing::Hearing;
use super::kind::Kind;
use super::measured::Shortest;
use super::resending::Resending;
use super::reset::distance;
use super::seen_twice::Recent;
use super::sequence::before;
use crate::Moment;
use crate::dissect::{Flags, Segment};

/// Nobody acknowledges so late: who says the same again after it wants something.
const SILENCE: Duration = Duration::from_millis(900);

/// How many of what a side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Segments, those seen twice not counted.
    pub packets: u64,
    /// Bytes of payload, sent again or not.
    pub bytes: u64,
    /// Segments sent again.
    pub retransmissions: u32,
    /// Keepalive probes.
    pub probes: u32,
    /// Of these, answered.
    pub probes_answered: u32,
    /// Probes of the other side's closed window.
    pub window_probes: u32,
    /// Of these, answered.
    pub window_probes_answered: u32,
    /// Segments that were overtaken.
    pub reordered: u32,
    /// Segments without data that look like probes and that nobody has to answer.
    pub mute_probes: u32,
    /// Packets that the capture has more than once.
    pub seen_twice: u32,
    /// Bytes that the other side acknowledged and the capture doesn't have.
    pub uncaptured: u64,
}

/// One side: what it sent, how far that was acknowledged, and what it is waiting for.
///
/// What every segment looks at comes first and stands together: with thousands of conversations,
/// time goes where the memory is far.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Half {
    /// The sequence number after everything it sent.
    pub(crate) next: Option<u32>,
    /// How far the other side acknowledged.
    pub(crate) acked: Option<u32>,
    /// The receive window it announced, scaled where the scale is known.
    pub(crate) window: Option<u32>,
    /// The last segment.
    pub(crate) last: Option<Moment>,
    pub(crate) asking: Asking,
    pub(crate) resending: Resending,
    pub(crate) recent: Recent,
    pub(crate) last_kind: Option<Kind>,
    /// The TTL its packets usually have.
    pub(crate) hops: Option<NonZeroU8>,
    /// The TTL of its SYN.
    pub(crate) syn_hops: Option<NonZeroU8>,
    pub(crate) scale: Option<u8>,
    /// How many of its latest packets counted up their IP identification, at most 255.
    pub(crate) counting: u8,
    pub(crate) ip_id: Option<u16>,
    /// The byte, if the last data was one.
    pub(crate) data_byte: Option<u8>,
    /// The last segment that was no probe.
    pub(crate) spoke: Option<Moment>,
    /// The last segment that asks to be acknowledged: data, SYN, FIN.
    pub(crate) sent: Option<Moment>,
    /// The acknowledgment number and the timestamp echo it sent last.
    pub(crate) last_ack: Option<u32>,
    pub(crate) last_echo: Option<u32>,
    /// The timestamp of its last segment.
    pub(crate) last_value: Option<u32>,
    /// Where the last data began, and how long it was.
    pub(crate) data: Option<(u32, u32)>,
    /// The sequence number of its SYN.
    pub(crate) syn: Option<u32>,
    /// The sequence number after its FIN.
    pub(crate) fin: Option<u32>,
    /// Whether its last segment opened a window that was closed.
    pub(crate) opens: bool,
    /// Whether it sent something without SYN.
    pub(crate) went_on: bool,
    /// Whether the capture has a bare acknowledgment of it.
    pub(crate) acknowledged_alone: bool,
    /// When its window closed, while it is closed.
    pub(crate) shut_at: Option<Moment>,
    pub(crate) counts: Counts,
    pub(crate) hearing: Hearing,
    /// The retransmission timeout it showed.
    pub(crate) rto: Shortest,
    /// The fastest acknowledgment of everything the other side had sent.
    pub(crate) fastest: Shortest,
    pub(crate) syn_at: Option<Moment>,
    pub(crate) fin_at: Option<Moment>,
}

impl Half {
    /// Reads a word of each line of memory.
    pub(crate) fn touch(&self) -> u64 {
        let words = [
            self.next,
            self.recent.touch(),
            self.last_ack,
            self.fin,
            Some(self.counts.probes),
        ];
        u64::from(words.into_iter().flatten().fold(0, |all, word| all ^ word))
    }

    /// Whether something it sent is not acknowledged, as far as the capture shows.
    pub(crate) fn in_flight(&self) -> bool {
        match (self.acked, self.next) {
            (Some(acked), Some(next)) => before(acked, next),
            // Nothing was ever acknowledged: a SYN without an answer.
            (None, Some(_)) => self.syn.is_some(),
            (_, None) => false,
        }
    }

    /// Whether a segment echoes the same timestamp as the one before it: nothing was heard in
    /// between.
    pub(crate) fn repeats_echo(&self, segment: &Segment) -> bool {
        let echo = segment.timestamps.map(|(_, echo)| echo);
        echo.is_some() && echo == self.last_echo
    }

    /// When the other side answered the SYN of this one with an acknowledgment of something else,
    /// if that is the last it said.
    pub(crate) fn answered_of_an_older(&self, peer: &Self) -> Option<Moment> {
        let opening = self.syn.is_some() && peer.syn.is_none() && !self.went_on;
        let stale = peer.last_kind != Some(Kind::Reset)
            && peer.last_ack.is_some()
            && peer.last_ack != self.syn.map(|syn| syn.wrapping_add(1));
        peer.last.filter(|_| opening && stale)
    }

    /// Whether it answers the SYN with another sequence number than the one that the other side has
    /// acknowledged: the repeated SYN reached another host or process.
    pub(super) fn answers_otherwise(&self, peer: &Self, segment: &Segment) -> bool {
        let answer = segment.flags.any(Flags::SYN) && segment.flags.any(Flags::ACK);
        let of_this = peer.syn.map(|syn| syn.wrapping_add(1)) == Some(segment.ack);
        let other = self.syn.is_some_and(|syn| syn != segment.seq);
        answer && of_this && other && self.acked.is_some() && peer.went_on
    }

    /// Whether its packets come with less than the TTL that their sender gave them.
    pub(crate) fn crossed_router(&self) -> Option<bool> {
        self.hops.map(|ttl| distance(ttl.get()) > 0)
    }

    /// What was acknowledged was an older connection's: of this one nothing but the SYN was sent.
    pub(super) fn only_opens(&mut self) {
        self.next = self.syn.map(|syn| syn.wrapping_add(1));
        self.acked = None;
        self.counts.uncaptured = 0;
    }

    /// Whether it opened, and sent more than that since: then its opening was answered.
    pub(crate) fn went_on_opening(&self) -> bool {
        self.syn.is_some() && self.went_on
    }

    /// Whether a bare acknowledgment comes out of a silence, says nothing new and has a sequence
    /// number that is not before what the other side expects: to one like that nobody answers (RFC
    /// 9293, section 3.10.7.4). PSH gives it away, or that it was sent with the timestamp echo of
    /// the one before it: it answers nothing.
    pub(super) fn asks_in_a_way_that_nobody_answers(
        &self,
        segment: &Segment,
        peer: &Self,
        now: Moment,
    ) -> bool {
        let silence = self.last.max(peer.last).map(|last| now.since(last));
        let deliberate = segment.flags.any(Flags::PSH) || self.repeats_echo(segment);
        deliberate
            && silence.is_some_and(|silence| silence >= SILENCE)
            && self.next == Some(segment.seq)
            && self.last_ack == Some(segment.ack)
    }

    /// Whether its FIN was acknowledged.
    pub(crate) fn finished(&self) -> bool {
        match (self.fin, self.acked) {
            (Some(fin), Some(acked)) => !before(acked, fin),
            _ => false,
        }
    }

    /// Whether it never sent anything but bare acknowledgments.
    pub(crate) fn only_acknowledged(&self) -> bool {
        self.data.is_none() && self.syn.is_none() && self.fin.is_none()
    }

    /// The window of a segment in bytes, as far as the scale is known.
    pub(crate) fn window_of(&self, segment: &Segment) -> u32 {
        u32::from(segment.window) << self.scale.unwrap_or(0)
    }
}
