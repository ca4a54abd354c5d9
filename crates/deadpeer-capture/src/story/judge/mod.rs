//! From what a conversation shows to a verdict.
//!
//! What each death looks like on the wire: keepalive gives up with a RST that acknowledges, after evenly spaced probes
//! (net/ipv4/tcp_timer.c, `tcp_keepalive_timer`). Retransmission and window probes give up without a word
//! (`tcp_write_err`); only a late packet of the other side then draws a RST. A host that forgot answers with a bare RST
//! (RFC 9293, section 3.5.2).

mod cause;
mod plea;
mod quiet;
mod reset;

use std::time::Duration;

use super::verdict::{Ending, Gone, Noticed, Verdict};
use crate::Moment;
use crate::talk::{Conversation, Half, Side};
use plea::Plea;

/// Who was heard so recently was there.
const RECENT: Duration = Duration::from_secs(1);

impl Verdict {
    /// Judges a conversation in a capture that ends at `end`.
    pub(crate) fn of(conversation: &Conversation, end: Moment) -> Self {
        let case = Case { conversation, end };
        let real = conversation
            .reset
            .as_deref()
            .filter(|reset| reset.ignored_by_sender == 0);
        let mut verdict = match (real, conversation.closed_at) {
            (Some(reset), _) => case.reset(reset),
            (None, Some(_)) => case.plain(Ending::Closed),
            (None, None) => case.unfinished(),
        };
        verdict.reset = conversation.reset.as_deref().copied();
        if conversation.replaced_at.is_some()
            && matches!(verdict.ending, Ending::Open | Ending::HalfClosed(_))
        {
            verdict.ending = Ending::Replaced;
        }
        verdict.cause = case.cause(&verdict);
        verdict
    }
}

struct Case<'a> {
    conversation: &'a Conversation,
    end: Moment,
}

impl Case<'_> {
    fn half(&self, side: Side) -> &Half {
        self.conversation.half(side)
    }

    /// Nobody was gone.
    fn plain(&self, ending: Ending) -> Verdict {
        Verdict {
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
        }
    }

    /// Somebody was asking in vain; the verdict about how that ended is still to be filled in.
    fn left_alone(&self, plea: &Plea, ending: Ending) -> Verdict {
        Verdict {
            gone: plea.gone,
            last_heard: plea.last_heard,
            unanswered_since: Some(plea.first),
            unanswered: plea.times,
            silence: Some(plea.silence),
            noticed: Noticed::Nobody,
            ..self.plain(ending)
        }
    }

    /// No RST, and not closed by both.
    fn unfinished(&self) -> Verdict {
        let pleas = Side::BOTH.map(|side| self.plea(side));
        match pleas {
            [Some(client), Some(server)] => self.both_ask(&client, &server),
            [Some(plea), None] => self.alone(Side::Client, &plea),
            [None, Some(plea)] => self.alone(Side::Server, &plea),
            [None, None] => self.quiet().unwrap_or_else(|| self.plain(self.standing())),
        }
    }

    fn both_ask(&self, client: &Plea, server: &Plea) -> Verdict {
        // Of two, the one that asked last still lives.
        let latest = match client.last >= server.last {
            true => self.alone(Side::Client, client),
            false => self.alone(Side::Server, server),
        };
        // What one asks in vain, the other answers in vain.
        match Side::BOTH.map(|side| self.is_deaf(side)) {
            [true, false] => {
                return Verdict {
                    gone: Gone::Deaf(Side::Client),
                    ..latest
                };
            }
            [false, true] => {
                return Verdict {
                    gone: Gone::Deaf(Side::Server),
                    ..latest
                };
            }
            [true, true] | [false, false] => {}
        }
        let cross = client.first < server.last && server.first < client.last;
        if !cross {
            return latest;
        }
        let first = match client.first <= server.first {
            true => self.alone(Side::Client, client),
            false => self.alone(Side::Server, server),
        };
        Verdict {
            gone: Gone::Path,
            ..first
        }
    }

    /// Nobody asks anything.
    fn standing(&self) -> Ending {
        let closed = Side::BOTH
            .into_iter()
            .find(|side| self.half(*side).fin.is_some());
        closed.map_or(Ending::Open, Ending::HalfClosed)
    }

    fn alone(&self, left: Side, plea: &Plea) -> Verdict {
        if self.only_one_side() && plea.noticed != Noticed::Handshake {
            // Answers may have gone another way.
            return self.plain(self.standing());
        }
        let stopped = self.end > plea.due;
        let ending = if stopped {
            Ending::GaveUp(left)
        } else {
            Ending::StillTrying(left)
        };
        let mut verdict = self.left_alone(plea, ending);
        if let Some(closed) = self.closed_meanwhile(left, plea) {
            verdict.noticed = Noticed::Application;
            verdict.noticed_at = Some((closed, closed));
        } else if let Some(told) = self.told_by_router(left).filter(|_| stopped) {
            verdict.noticed = Noticed::Router;
            verdict.noticed_at = Some((told, told));
        } else if stopped {
            verdict.noticed = plea.noticed;
            verdict.noticed_at = Some((plea.last, plea.due));
        }
        verdict
    }

    /// The application closed after its kernel had been asking in vain for a while.
    fn closed_meanwhile(&self, side: Side, plea: &Plea) -> Option<Moment> {
        let closed = self.half(side).fin_at?;
        (closed.since(plea.first) >= RECENT && closed > plea.first).then_some(closed)
    }

    fn only_one_side(&self) -> bool {
        self.conversation.established.is_none()
            && Side::BOTH
                .into_iter()
                .any(|side| self.half(side).counts.packets == 0)
    }
}
