//! From what a conversation shows to a verdict.
//!
//! What each death looks like on the wire: keepalive gives up with a RST that acknowledges, after evenly spaced probes
//! (net/ipv4/tcp_timer.c, `tcp_keepalive_timer`). Retransmission and window probes give up without a word
//! (`tcp_write_err`); only a late packet of the other side then draws a RST. A host that forgot answers with a bare RST
//! (RFC 9293, section 3.5.2).

use std::time::Duration;

use deadpeer_core::{Cause, Silence};

use super::verdict::{Ending, Gone, Noticed, Verdict};
use crate::Moment;
use crate::dissect::Trouble;
use crate::talk::{Asked, Conversation, Half, Kind, Resent, Reset, Side, What};

/// Who was heard so recently was there.
const RECENT: Duration = Duration::from_secs(1);

impl Verdict {
    /// Judges a conversation in a capture that ends at `end`.
    pub(crate) fn of(conversation: &Conversation, end: Moment) -> Self {
        judge(conversation, end)
    }
}

fn judge(conversation: &Conversation, end: Moment) -> Verdict {
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

struct Case<'a> {
    conversation: &'a Conversation,
    end: Moment,
}

/// What a side asks for in vain.
struct Plea {
    silence: Silence,
    noticed: Noticed,
    times: u32,
    first: Moment,
    last: Moment,
    /// When it would ask again, at the latest.
    due: Moment,
    last_heard: Option<Moment>,
    /// Whether the other side was heard meanwhile.
    one_way: bool,
}

impl Case<'_> {
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

    /// `left` was asking in vain; the verdict about how that ended is still to be filled in.
    fn left_alone(&self, left: Side, plea: &Plea, ending: Ending) -> Verdict {
        let gone = if plea.one_way {
            Gone::Deaf(!left)
        } else {
            Gone::Side(!left)
        };
        Verdict {
            gone,
            last_heard: plea.last_heard,
            unanswered_since: Some(plea.first),
            unanswered: plea.times,
            silence: Some(plea.silence),
            noticed: Noticed::Nobody,
            ..self.plain(ending)
        }
    }

    fn reset(&self, reset: &Reset) -> Verdict {
        let (side, other) = (reset.side, !reset.side);
        let (me, peer) = (self.conversation.half(side), self.conversation.half(other));
        if self.conversation.established.is_none() && self.conversation.opening_seen {
            let refused = side == Side::Server && me.syn.is_none();
            return self.plain(if refused {
                Ending::Refused
            } else {
                Ending::Aborted(side)
            });
        }
        if reset.is_forged() {
            return self.plain(Ending::ForgedReset(side));
        }
        if let Some(plea) = self.plea(side) {
            return self.reset_by_who_asked(reset, &plea);
        }
        let quiet_before = me
            .last
            .zip(peer.last)
            .map(|(last, asked)| asked.since(last));
        match (reset.reply_to, quiet_before) {
            (Some(_), Some(quiet)) if quiet >= RECENT => self.forgotten(reset, me, peer),
            _ => self.plain(Ending::Aborted(side)),
        }
    }

    /// The side that sent the RST had been asking in vain itself.
    fn reset_by_who_asked(&self, reset: &Reset, plea: &Plea) -> Verdict {
        let side = reset.side;
        let mut verdict = self.left_alone(side, plea, Ending::GaveUp(side));
        if reset.reply_to.is_some() {
            // It had given up silently, and a late packet of the other side found nobody.
            verdict.gone = Gone::Side(!side);
            verdict.noticed = plea.noticed;
            verdict.noticed_at = Some((plea.last, plea.due.min(reset.at)));
            return verdict;
        }
        let by_keepalive = plea.noticed == Noticed::Keepalive && reset.acknowledges && {
            let interval = self.conversation.half(side).asking.measured().interval();
            let wait = reset.at.since(plea.last);
            plea.times < 2 || interval.is_none_or(|interval| wait * 10 >= interval * 8)
        };
        verdict.noticed = if by_keepalive {
            Noticed::Keepalive
        } else {
            Noticed::Application
        };
        verdict.noticed_at = Some((reset.at, reset.at));
        if !by_keepalive {
            verdict.ending = Ending::Aborted(side);
            if plea.times < 2 && reset.at.since(plea.first) < RECENT {
                return self.plain(Ending::Aborted(side));
            }
        }
        verdict
    }

    /// The host answered that it knows no such connection.
    fn forgotten(&self, reset: &Reset, me: &Half, peer: &Half) -> Verdict {
        let silence = match reset.reply_to {
            Some(Kind::WindowProbe) => Silence::ZeroWindow,
            Some(Kind::Data | Kind::Retransmission) => Silence::InFlight,
            Some(Kind::Fin) => Silence::AfterFin,
            _ => Silence::Idle,
        };
        let asked = if silence == Silence::Idle {
            peer.asking.first_unanswered()
        } else {
            peer.resending.run().map(|run| run.first)
        };
        Verdict {
            gone: Gone::Side(reset.side),
            last_heard: me.last,
            unanswered_since: asked.or(peer.last),
            unanswered: 0,
            silence: Some(silence),
            noticed: Noticed::OtherHost,
            noticed_at: Some((reset.at, reset.at)),
            ..self.plain(Ending::Forgotten(reset.side))
        }
    }

    /// No RST, and not closed by both.
    fn unfinished(&self) -> Verdict {
        let pleas = Side::BOTH.map(|side| self.plea(side));
        match pleas {
            [Some(client), Some(server)] if self.cross(&client, &server) => {
                let (left, plea) = if client.first <= server.first {
                    (Side::Client, client)
                } else {
                    (Side::Server, server)
                };
                Verdict {
                    gone: Gone::Path,
                    ..self.alone(left, &plea)
                }
            }
            [Some(client), Some(server)] => {
                // Of two, the one that asked last still lives.
                if client.last >= server.last {
                    self.alone(Side::Client, &client)
                } else {
                    self.alone(Side::Server, &server)
                }
            }
            [Some(plea), None] => self.alone(Side::Client, &plea),
            [None, Some(plea)] => self.alone(Side::Server, &plea),
            [None, None] => self.plain(self.standing()),
        }
    }

    /// Whether both sides went on asking while the other did.
    fn cross(&self, client: &Plea, server: &Plea) -> bool {
        client.first < server.last && server.first < client.last
    }

    /// Nobody asks anything.
    fn standing(&self) -> Ending {
        let closed = Side::BOTH
            .into_iter()
            .find(|side| self.conversation.half(*side).fin.is_some());
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
        let mut verdict = self.left_alone(left, plea, ending);
        if let Some(closed) = self.closed_meanwhile(left, plea) {
            verdict.noticed = Noticed::Application;
            verdict.noticed_at = Some((closed, closed));
        } else if stopped {
            verdict.noticed = plea.noticed;
            verdict.noticed_at = Some((plea.last, plea.due));
        }
        verdict
    }

    /// The application closed after its kernel had been asking in vain for a while.
    fn closed_meanwhile(&self, side: Side, plea: &Plea) -> Option<Moment> {
        let closed = self.conversation.half(side).fin_at?;
        (closed.since(plea.first) >= RECENT && closed > plea.first).then_some(closed)
    }

    fn only_one_side(&self) -> bool {
        self.conversation.established.is_none()
            && Side::BOTH
                .into_iter()
                .any(|side| self.conversation.half(side).counts.packets == 0)
    }

    /// What a side is asking for in vain, if anything.
    fn plea(&self, side: Side) -> Option<Plea> {
        let (me, peer) = (self.conversation.half(side), self.conversation.half(!side));
        self.resending(me, peer).or_else(|| self.probing(me, peer))
    }

    fn resending(&self, me: &Half, peer: &Half) -> Option<Plea> {
        let run = me.resending.run()?;
        let (silence, noticed) = match run.what {
            Resent::Syn => (Silence::Connecting, Noticed::Handshake),
            Resent::Fin => (Silence::AfterFin, Noticed::Retransmission),
            Resent::Data if me.asking.unanswered() > 0 && me.asking.asked() == Asked::Presence => {
                (Silence::LateWrite, Noticed::Retransmission)
            }
            Resent::Data => (Silence::InFlight, Noticed::Retransmission),
        };
        // Otherwise: acknowledged a moment later, had the capture gone on.
        let long_enough =
            run.count > 1 || run.last_wait >= RECENT || self.end.since(run.last) >= RECENT;
        let asked_first = me.asking.first_unanswered().unwrap_or(run.first);
        long_enough.then_some(Plea {
            silence,
            noticed,
            times: run.count,
            first: asked_first.min(run.original.unwrap_or(run.first)),
            last: run.last,
            due: run.last.plus(late(run.last_wait * 2)),
            last_heard: run.heard_before.or(peer.last),
            one_way: run.heard_meanwhile > 1,
        })
    }

    fn probing(&self, me: &Half, peer: &Half) -> Option<Plea> {
        let asking = &me.asking;
        let (first, last) = (asking.first_unanswered()?, asking.last()?);
        let (silence, noticed, next) = match asking.asked() {
            Asked::Presence => {
                let measured = asking.measured();
                let wait = measured.interval().or(measured.idle());
                (Silence::Idle, Noticed::Keepalive, wait)
            }
            Asked::Window => {
                let next = asking.last_wait().map(|wait| wait * 2);
                (Silence::ZeroWindow, Noticed::WindowProbes, next)
            }
        };
        let due = last.plus(late(next.unwrap_or(RECENT).max(RECENT)));
        // Unanswered for a moment only, had the capture gone on.
        let long_enough = asking.unanswered() > 1 || self.end.since(last) >= RECENT;
        let cut_by_reset = self.conversation.reset.is_some();
        (long_enough || cut_by_reset).then_some(Plea {
            silence,
            noticed,
            times: asking.unanswered(),
            first,
            last,
            due,
            last_heard: peer.last,
            one_way: false,
        })
    }

    /// What the application of the side that was left got to know.
    fn cause(&self, verdict: &Verdict) -> Option<Cause> {
        let after_fin = |side: Side| {
            let closed_first = self.conversation.half(side).fin.is_some();
            if closed_first {
                Cause::ResetAfterFin
            } else {
                Cause::Reset
            }
        };
        match verdict.ending {
            Ending::Closed => Some(Cause::Closed),
            Ending::HalfClosed(_) => Some(Cause::PeerClosed),
            Ending::Refused => Some(Cause::Refused),
            Ending::GaveUp(_) if verdict.noticed == Noticed::Application => None,
            Ending::GaveUp(side) => Some(self.unreachable(side).unwrap_or(Cause::TimedOut)),
            Ending::Aborted(side) if verdict.gone == Gone::Nobody => Some(after_fin(side)),
            Ending::ForgedReset(side) | Ending::Forgotten(side) => Some(after_fin(side)),
            Ending::Aborted(_) | Ending::Open | Ending::StillTrying(_) | Ending::Replaced => None,
        }
    }

    /// What a router said about the way to the other side.
    fn unreachable(&self, side: Side) -> Option<Cause> {
        let complaints = self.conversation.episodes.iter().filter_map(|episode| {
            let What::Complaint { trouble, .. } = episode.what else {
                return None;
            };
            (episode.side == side).then_some(trouble)
        });
        let last = complaints.last()?;
        match last {
            Trouble::HostUnreachable => Some(Cause::HostUnreachable),
            Trouble::NetworkUnreachable => Some(Cause::NetworkUnreachable),
            Trouble::PortUnreachable => Some(Cause::Refused),
            Trouble::Prohibited => Some(Cause::Prohibited),
            Trouble::TooBig(_) | Trouble::HopsExceeded | Trouble::Other(..) => None,
        }
    }
}

/// A wait and what a timer may be late: an eighth (kernel/time/timer.c), and a little for the way.
fn late(wait: Duration) -> Duration {
    wait + wait / 8 + Duration::from_millis(500)
}
