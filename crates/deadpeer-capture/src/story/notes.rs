//! What happened to a connection that nobody died of, and that is worth telling.

use std::time::Duration;

use crate::Moment;
use crate::talk::{Conversation, Resent, Side, What};

/// A wait that is worth telling although it ended well.
const NOTABLE: Duration = Duration::from_secs(1);
/// Keepalive, where it is on and nobody set it, asks after this silence.
const UNASKED: Duration = Duration::from_secs(7200 + 7200 / 20);

/// Something worth telling; of each kind the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// What this side sent was acknowledged only after so long, and after it had been sent again.
    Stalled(Side, Duration),
    /// This side's window was closed for so long: its application did not read.
    WindowClosed(Side, Duration),
    /// This side still knew an older connection between the same ports when the other opened a new
    /// one, and answered for that.
    OlderConnection(Side),
    /// This side's SYN was answered with two sequence numbers, by two hosts or processes.
    AnotherAnswer(Side),
    /// For so long nobody said anything, and neither side's keepalive asked.
    Unasked(Duration),
}

/// What is worth telling of a conversation in a capture that ends at `end`.
pub(super) fn of(conversation: &Conversation, end: Moment) -> Vec<Note> {
    let (mut stalled, mut closed) = (None, None);
    let (mut older, mut another) = (None, None);
    for episode in conversation.episodes.iter() {
        let length = episode.until.since(episode.at);
        let longest = match episode.what {
            What::Resending {
                what: Resent::Data | Resent::Fin,
                acknowledged: true,
                ..
            } => &mut stalled,
            What::OlderConnection { .. } => {
                older = Some(Note::OlderConnection(episode.side));
                continue;
            }
            What::AnotherAnswer { .. } => {
                another = Some(Note::AnotherAnswer(!episode.side));
                continue;
            }
            What::WindowShut => &mut closed,
            What::Resending { .. }
            | What::Exchange { .. }
            | What::Answered { .. }
            | What::Unanswered { .. }
            | What::MuteProbes { .. }
            | What::IcmpError { .. }
            | What::LeftOut { .. } => continue,
        };
        *longest = (*longest).max(Some((length, episode.side)));
    }
    for side in Side::BOTH {
        let shut = conversation.half(side).shut_at;
        closed = closed.max(shut.map(|at| (conversation.last().since(at), side)));
    }
    let over = conversation.is_over() || conversation.replaced_at.is_some();
    let after = if over {
        Duration::ZERO
    } else {
        end.since(conversation.last())
    };
    let silence = conversation.silences.longest().max(after);
    let opened = conversation.established.is_some() || !conversation.opening_seen;
    let notable = |found: &(Duration, Side)| found.0 >= NOTABLE;
    let notes = [
        stalled
            .filter(notable)
            .map(|(length, side)| Note::Stalled(side, length)),
        closed
            .filter(notable)
            .map(|(length, side)| Note::WindowClosed(side, length)),
        older,
        another,
        // Who never had a connection asks nobody.
        (silence >= UNASKED && opened).then_some(Note::Unasked(silence)),
    ];
    notes.into_iter().flatten().collect()
}
