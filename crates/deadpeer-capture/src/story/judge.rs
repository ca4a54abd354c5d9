//! From what a conversation shows to a verdict.
//!
//! What each death looks like on the wire: keepalive gives up with a RST that acknowledges, after
//! evenly spaced probes (net/ipv4/tcp_timer.c, `tcp_keepalive_timer`). Retransmission and window
//! probes give up without a word (`tcp_write_err`); only a late packet of the other side then draws
//! a RST. A host that forgot answers with a bare RST (RFC 9293, section 3.5.2).
//!
//! First somebody asks in vain (`unanswered`), then what that proves is weighed (`weigh`): without
//! proof the capture does not tell.

mod around;
mod cause;
mod openings;
mod quiet;
mod reset;
mod survivors;
mod together;
mod translated;
mod unanswered;
mod weigh;

use std::time::Duration;

use super::evidence::{Evidence, Untold};
use super::notes;
use super::verdict::{Ending, Gone, Noticed, StoryVerdict};
use crate::Moment;
use crate::talk::{Conversation, Half, Side};
pub(crate) use around::Surroundings;
use unanswered::Unanswered;
use weigh::Opinion;

/// Who was heard so recently was there.
const RECENT: Duration = Duration::from_secs(1);

impl StoryVerdict {
    /// Judges a conversation, once where the capture has it before and after translation.
    pub(crate) fn of(conversation: &Conversation, around: &Surroundings<'_>) -> Self {
        translated::once(conversation, around)
    }

    /// Judges a conversation by itself.
    fn by_itself(conversation: &Conversation, around: &Surroundings<'_>) -> Self {
        let case = Case {
            conversation,
            around,
            end: around.end_of(conversation),
        };
        let real = conversation
            .reset
            .as_deref()
            .filter(|reset| reset.ignored_by_sender == 0)
            // What both had closed, no RST ends.
            .filter(|reset| {
                conversation
                    .closed_at
                    .is_none_or(|closed| closed > reset.at)
            });
        let mut verdict = match (real, conversation.closed_at) {
            (Some(reset), _) => case.reset(reset),
            (None, Some(_)) => case.plain(Ending::Closed),
            (None, None) => case.unfinished(),
        };
        verdict.reset = conversation.reset.as_deref().copied();
        verdict.lone_syn = conversation.is_lone_syn() && !verdict.is_death();
        if conversation.replaced_at.is_some()
            && matches!(verdict.ending, Ending::Open | Ending::HalfClosed(_))
        {
            verdict.ending = Ending::Replaced;
        }
        verdict.cause = case.cause(&verdict);
        if !verdict.is_death() && !matches!(verdict.ending, Ending::GaveUp(_)) {
            verdict.notes = notes::of(conversation, case.end);
        }
        verdict
    }
}

struct Case<'a> {
    conversation: &'a Conversation,
    around: &'a Surroundings<'a>,
    /// The last packet of the capture, or of the part of it that the conversation is in.
    end: Moment,
}

impl Case<'_> {
    fn half(&self, side: Side) -> &Half {
        self.conversation.half(side)
    }

    /// Nobody was gone.
    fn plain(&self, ending: Ending) -> StoryVerdict {
        StoryVerdict {
            ending,
            gone: Gone::Nobody,
            last_heard: None,
            unanswered_since: None,
            unanswered: 0,
            silence: None,
            noticed: Noticed::Nothing,
            noticed_at: None,
            cause: None,
            reset: None,
            untold: None,
            evidence: Vec::new(),
            lone_syn: false,
            notes: Vec::new(),
            translated: None,
        }
    }

    /// The capture does not tell.
    fn untold(&self, ending: Ending, untold: Untold, evidence: Vec<Evidence>) -> StoryVerdict {
        StoryVerdict {
            gone: Gone::Unknown,
            untold: Some(untold),
            evidence,
            ..self.plain(ending)
        }
    }

    /// Somebody was asking in vain; the verdict about how that ended is still to be filled in.
    fn left_alone(
        &self,
        unanswered: &Unanswered,
        opinion: Opinion,
        ending: Ending,
    ) -> StoryVerdict {
        match opinion {
            Opinion::Gone(gone, evidence) => StoryVerdict {
                gone,
                last_heard: unanswered.last_heard,
                unanswered_since: Some(unanswered.first),
                unanswered: unanswered.times,
                silence: Some(unanswered.silence),
                noticed: Noticed::Nobody,
                evidence,
                ..self.plain(ending)
            },
            Opinion::Untold(untold, evidence) => StoryVerdict {
                unanswered_since: Some(unanswered.first),
                unanswered: unanswered.times,
                ..self.untold(ending, untold, evidence)
            },
        }
    }

    /// No RST, and not closed by both.
    fn unfinished(&self) -> StoryVerdict {
        let both = Side::BOTH.map(|side| self.unanswered(side));
        match both {
            [Some(client), Some(server)] => self.both_ask(&client, &server),
            [Some(unanswered), None] => self.alone(Side::Client, &unanswered),
            [None, Some(unanswered)] => self.alone(Side::Server, &unanswered),
            [None, None] => self.quiet(),
        }
    }

    fn both_ask(&self, client: &Unanswered, server: &Unanswered) -> StoryVerdict {
        let [by_client, by_server] = [
            self.alone(Side::Client, client),
            self.alone(Side::Server, server),
        ];
        match (by_client.is_death(), by_server.is_death()) {
            (true, true) => {}
            (true, false) => return by_client,
            (false, true) => return by_server,
            (false, false) if client.last >= server.last => return by_client,
            (false, false) => return by_server,
        }
        let cross = client.first < server.last && server.first < client.last;
        let first_asked = client.first <= server.first;
        // Of two, the one that asked last still lives.
        let (latest, first) = match (client.last >= server.last, first_asked) {
            (true, true) => (by_client.clone(), by_client),
            (false, false) => (by_server.clone(), by_server),
            (true, false) => (by_client, by_server),
            (false, true) => (by_server, by_client),
        };
        // What one asks in vain, the other answers in vain.
        let gone = match Side::BOTH.map(|side| self.receives_nothing(side)) {
            [true, false] => Gone::NotReceiving(Side::Client),
            [false, true] => Gone::NotReceiving(Side::Server),
            [true, true] | [false, false] if cross => {
                return StoryVerdict {
                    gone: Gone::Path,
                    ..first
                };
            }
            [true, true] | [false, false] => return latest,
        };
        StoryVerdict { gone, ..latest }
    }

    /// Nobody asks anything.
    fn standing(&self) -> Ending {
        let closed = Side::BOTH
            .into_iter()
            .find(|side| self.half(*side).fin.is_some());
        closed.map_or(Ending::Open, Ending::HalfClosed)
    }

    fn alone(&self, left: Side, unanswered: &Unanswered) -> StoryVerdict {
        let stopped = self.end > unanswered.due;
        let mut opinion = self.weigh(left, unanswered);
        let told = self.told_by_router(left).filter(|_| stopped);
        if let Some((_, kind)) = told
            && let Opinion::Untold(_, evidence) = opinion
        {
            opinion = Opinion::Gone(unanswered.gone, evidence);
            opinion.add(Evidence::Router(left, kind));
        }
        let ending = match (&opinion, stopped) {
            (Opinion::Untold(..), _) => self.standing(),
            (Opinion::Gone(..), true) => Ending::GaveUp(left),
            (Opinion::Gone(..), false) => Ending::StillTrying(left),
        };
        let mut verdict = self.left_alone(unanswered, opinion, ending);
        if !verdict.is_death() {
            return verdict;
        }
        if let Some(closed) = self.closed_meanwhile(left, unanswered) {
            verdict.noticed = Noticed::Application;
            verdict.noticed_at = Some((closed, closed));
        } else if let Some((told, _)) = told {
            verdict.noticed = Noticed::Router;
            verdict.noticed_at = Some((told, told));
        } else if stopped {
            verdict.noticed = unanswered.noticed;
            verdict.noticed_at = Some((unanswered.last, unanswered.due));
        }
        verdict
    }

    /// The application closed after its kernel had been asking in vain for a while.
    fn closed_meanwhile(&self, side: Side, unanswered: &Unanswered) -> Option<Moment> {
        let closed = self.half(side).fin_at?;
        (closed.since(unanswered.first) >= RECENT && closed > unanswered.first).then_some(closed)
    }
}
