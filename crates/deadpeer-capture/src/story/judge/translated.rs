//! A connection that the capture has before and after its addresses were translated is told once.

use std::cmp::Reverse;

use super::Surroundings;
use crate::story::evidence::Evidence;
use crate::story::verdict::{Ending, Gone, Noticed, StoryVerdict, Translated};
use crate::talk::{Conversation, Side};

/// The verdict on a conversation; where it is told with another one, that it is.
///
/// Told is the one that shows both sides, of these the worst, of these the first: what is missing
/// on one side of a NAT is there on the other.
pub(super) fn once(conversation: &Conversation, around: &Surroundings<'_>) -> StoryVerdict {
    let mut verdict = StoryVerdict::by_itself(conversation, around);
    if !conversation.is_translated() {
        return verdict;
    }
    let others: Vec<_> = around.conversations.translations_of(conversation).collect();
    let worth = |of: &Conversation, verdict: &StoryVerdict| {
        let both_heard = Side::BOTH.iter().all(|side| of.half(*side).last.is_some());
        (both_heard, verdict.severity(), Reverse(of.number))
    };
    let mine = worth(conversation, &verdict);
    let best = others
        .iter()
        .map(|other| worth(other, &StoryVerdict::by_itself(other, around)))
        .max();
    let Some(best) = best else { return verdict };
    let told_as = (best > mine).then_some(best.2.0);
    let stray_answer = told_as.is_none() && answer_went_astray(conversation, &verdict, &others);
    if told_as.is_some() {
        verdict = StoryVerdict {
            gone: Gone::Unknown,
            last_heard: None,
            unanswered_since: None,
            unanswered: 0,
            silence: None,
            noticed: Noticed::Nothing,
            noticed_at: None,
            cause: None,
            untold: None,
            evidence: Vec::new(),
            notes: Vec::new(),
            ..verdict
        };
    }
    if stray_answer {
        // It was seen before it was translated, the others after.
        let distance = |found: &Evidence| matches!(found, Evidence::OtherDistance(..));
        verdict.evidence.retain(|found| !distance(found));
    }
    let others = others.iter().map(|other| (other.number, other.ends));
    verdict.translated = Some(Box::new(Translated {
        others: others.collect(),
        told_as,
        stray_answer,
    }));
    verdict
}

/// The server's answer was seen under its own address only, and the client took it for a
/// stranger's.
fn answer_went_astray(
    conversation: &Conversation,
    verdict: &StoryVerdict,
    others: &[&Conversation],
) -> bool {
    let answered = |of: &Conversation| of.half(Side::Server).syn.is_some();
    verdict.ending == Ending::Aborted(Side::Client)
        && conversation.established.is_none()
        && answered(conversation)
        && !others.iter().any(|other| answered(other))
}
