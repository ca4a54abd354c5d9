//! Connections that ended with a RST.

use std::time::Duration;

use deadpeer_core::Silence;

use super::unanswered::{Proof, Unanswered, late};
use super::weigh::Opinion;
use super::{Case, RECENT};
use crate::Moment;
use crate::story::evidence::{Evidence, Untold};
use crate::story::limits::{self, Forgets};
use crate::story::verdict::{Ending, Gone, Noticed, StoryVerdict};
use crate::talk::{Asked, Half, Kind, Reset, Side};

/// Nobody forgets a connection that was silent for less.
const LONG: Duration = Duration::from_secs(30);
/// Who was heard so recently was not missed.
const LATELY: Duration = Duration::from_secs(2);
/// Between keepalive probes lies at least a second, less what the way takes from it.
const BEAT: Duration = Duration::from_millis(900);
/// A retransmission timer stops doubling at some length, a minute on most systems (RFC 6298,
/// section 2.5). Where it is shorter the waits before show it.
const CAPPED: Duration = Duration::from_secs(30);

impl Case<'_> {
    pub(super) fn reset(&self, reset: &Reset) -> StoryVerdict {
        let mut verdict = self.ended_by(reset);
        let gaps = self.gaps();
        let lacks = gaps.iter().find_map(Evidence::as_untold);
        let aborted = matches!(verdict.ending, Ending::Aborted(_)) && verdict.gone == Gone::Nobody;
        let heard = self.half(!reset.side).last;
        let alone = heard.is_none() && !self.conversation.opening_seen;
        let lacks = lacks.or(alone.then_some(Untold::OneSided(reset.side)));
        let lately = heard.is_some_and(|heard| reset.at.since(heard) <= LATELY);
        let disowned = verdict.noticed == Noticed::OtherHost;
        if let Some(untold) = lacks.filter(|_| aborted && !lately || disowned) {
            // What it was sent for may be among what is missing: that its side had closed, too.
            verdict = self.untold(verdict.ending, untold, gaps);
        }
        // Who gave up or lost patience had asked: the silence before that is its own timer's.
        let asked = verdict.is_death() && verdict.noticed != Noticed::OtherHost;
        verdict.evidence.extend(self.source_of(reset));
        // Who had closed waited for nothing.
        let closed = matches!(verdict.ending, Ending::NoReader(_));
        if !asked && !closed {
            verdict.evidence.extend(self.idle_before(reset));
        }
        verdict
    }

    /// What a RST shows of where it came from.
    fn source_of(&self, reset: &Reset) -> impl Iterator<Item = Evidence> {
        let side = reset.side;
        let other_distance = reset
            .other_distance
            .map(|hops| Evidence::OtherDistance(side, hops));
        let too_quick = reset.too_quick.map(|times| Evidence::TooQuick(side, times));
        let strange_id = reset.strange_id.map(|ids| Evidence::StrangeId(side, ids));
        let all = [other_distance, too_quick, strange_id];
        all.into_iter().flatten()
    }

    /// The silence before a RST, or before what it answers, if it was long.
    fn idle_before(&self, reset: &Reset) -> Vec<Evidence> {
        let (me, peer) = (self.half(reset.side).last, self.half(!reset.side).last);
        let (silence, forgets) = match reset.reply_to {
            Some(_) => {
                // What was asked again and again began the silence's end, not its last packet.
                let run = self.half(!reset.side).resending.run();
                let first = run.map(|run| run.original.unwrap_or(run.first));
                let asked = first.or(peer);
                (
                    me.zip(asked).map(|(heard, asked)| asked.since(heard)),
                    Forgets::WithReset,
                )
            }
            None => (
                me.max(peer).map(|last| reset.at.since(last)),
                if self.comes_from_next_door(reset) {
                    Forgets::OwnHost
                } else {
                    Forgets::AtOnce
                },
            ),
        };
        let open = self.conversation.closed_at.is_none();
        let closing = self.half(reset.side).finished() && self.half(!reset.side).fin.is_none();
        if reset.reply_to.is_none() && closing {
            let waited = silence.filter(|waited| limits::fin_wait(*waited).is_some());
            let waited = waited.map(|waited| Evidence::FinWait(reset.side, waited));
            return waited.into_iter().collect();
        }
        let silence = silence.filter(|silence| *silence >= LONG && open);
        let by_itself = reset.reply_to.is_none();
        let together = |silence: Duration| {
            let together = &self.around.together;
            by_itself && together.with_busier(self.conversation, reset, silence)
        };
        let silence = silence.filter(|silence| !together(*silence));
        silence.map_or_else(Vec::new, |silence| self.idle(silence, forgets))
    }

    /// Whether a RST is of a socket that knows the connection, and crossed no router, as what the
    /// other side sent did: the capture was taken where its side is, and nothing on the way sent
    /// it.
    fn comes_from_next_door(&self, reset: &Reset) -> bool {
        let odd = reset.other_distance.is_some() || reset.strange_id.is_some();
        let [here, there] = [reset.side, !reset.side].map(|side| self.half(side).crossed_router());
        reset.acknowledges && !odd && here == Some(false) && there == Some(true)
    }

    fn ended_by(&self, reset: &Reset) -> StoryVerdict {
        let (side, other) = (reset.side, !reset.side);
        let (me, peer) = (self.half(side), self.half(other));
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
        let disowns = reset.reply_to.is_some();
        let bygone = || self.bygone_unanswered(side).filter(|_| disowns);
        let asked = bygone().or_else(|| self.unanswered(side));
        let asked = asked.map(|unanswered| self.reset_by_who_asked(reset, &unanswered));
        let asked = match asked {
            Some(verdict) if verdict.gone != Gone::Unknown => return verdict,
            unproven => unproven,
        };
        if let Some(since) = self.gave_up_at_the_window(reset, me) {
            return since;
        }
        if let Some(unproven) = asked {
            return unproven;
        }
        let just_spoke = me
            .spoke
            .map(|spoke| reset.at.since(spoke))
            .filter(|ago| *ago < RECENT);
        match (reset.reply_to, me.last) {
            (Some(_), _) if me.fin.is_some() => self.plain(Ending::NoReader(side)),
            (Some(_), Some(_)) => match just_spoke {
                Some(ago) => StoryVerdict {
                    evidence: vec![Evidence::SpokeJustBefore(side, ago)],
                    ..self.plain(Ending::Aborted(side))
                },
                None => self.forgotten(reset, me, peer),
            },
            _ => self.plain(Ending::Aborted(side)),
        }
    }

    /// The side that sent the RST had been asking in vain itself.
    fn reset_by_who_asked(&self, reset: &Reset, unanswered: &Unanswered) -> StoryVerdict {
        let side = reset.side;
        let replies = reset.reply_to.is_some();
        let on_the_beat = !replies && self.is_on_the_beat(reset, unanswered);
        let unanswered = Unanswered {
            on_the_beat,
            ..*unanswered
        };
        if !on_the_beat && unanswered.times < 2 && reset.at.since(unanswered.first) < RECENT {
            return self.plain(Ending::Aborted(side));
        }
        let mut unanswered = unanswered;
        let mut closed = self.closed_meanwhile(side, &unanswered);
        if replies && self.half(side).fin.is_some() && reset.at <= unanswered.due {
            // It was still asking. Who has closed resets what comes late (RFC 1122, section
            // 4.2.2.13).
            let all = self.half(side).next == Some(reset.seq);
            if all && reset.at.since(unanswered.last) <= RECENT {
                return self.plain(Ending::Aborted(side));
            }
            unanswered.gone = Gone::NotReceiving(!side);
            let fin = self.half(side).fin_at;
            closed = closed.or(fin.filter(|_| unanswered.silence != Silence::AfterFin));
        }
        let opinion = self.weigh(side, &unanswered);
        let ending = match (&opinion, replies || on_the_beat) {
            (Opinion::Gone(..), true) => Ending::GaveUp(side),
            _ => Ending::Aborted(side),
        };
        let mut verdict = self.left_alone(&unanswered, opinion, ending);
        if !verdict.is_death() {
            return verdict;
        }
        (verdict.noticed, verdict.noticed_at) = if let Some(closed) = closed {
            (Noticed::Application, Some((closed, closed)))
        } else if replies {
            // It had given up silently, and a late packet of the other side found nobody.
            (
                unanswered.noticed,
                Some((unanswered.last, unanswered.due.min(reset.at))),
            )
        } else if on_the_beat {
            (unanswered.noticed, Some((reset.at, reset.at)))
        } else {
            (Noticed::Application, Some((reset.at, reset.at)))
        };
        verdict
    }

    /// Whether a RST came when the next question was due. Keepalive of every system ends with one
    /// (net/ipv4/tcp_timer.c, `tcp_keepalive_timer`); retransmission does on Windows and the BSDs,
    /// and needs some questions to show its beat.
    fn is_on_the_beat(&self, reset: &Reset, unanswered: &Unanswered) -> bool {
        let wait = reset.at.since(unanswered.last);
        match unanswered.proof {
            Proof::Probes {
                asked: Asked::Presence,
                ..
            }
            | Proof::AskedAgain { .. }
                if unanswered.noticed == Noticed::Keepalive =>
            {
                let interval = self.half(reset.side).asking.measured().interval();
                reset.acknowledges
                    && interval.map_or(wait >= BEAT, |interval| wait * 10 >= interval * 8)
            }
            Proof::Timer {
                backs_off: true,
                waits: (_, last),
                steady,
                ..
            } => {
                let near = |next: Duration| wait * 20 >= next * 17 && wait * 20 <= next * 23;
                near(last * 2) || ((steady || last >= CAPPED) && near(last))
            }
            Proof::Timer { .. } | Proof::Probes { .. } | Proof::AskedAgain { .. } => false,
        }
    }

    /// When the window opened, its host knew no such connection any more: a user timeout takes a
    /// closed window for silence, answered probes or not (tcp(7), `TCP_USER_TIMEOUT`;
    /// net/ipv4/tcp_timer.c, `tcp_probe_timer`).
    fn gave_up_at_the_window(&self, reset: &Reset, me: &Half) -> Option<StoryVerdict> {
        reset.reply_to?;
        let last = me.last?;
        let probed = me.asking.last().filter(|probed| *probed >= last);
        let probed = probed.filter(|_| me.asking.asked() == Asked::Window);
        if probed.is_none() && !reset.opened_window {
            return None;
        }
        let next = me.asking.last_wait().filter(|_| probed.is_some());
        let due = next.map_or(reset.at, |next| last.plus(late(next * 2)).min(reset.at));
        Some(self.gave_up_on_a_closed_window(reset.side, (last, due)))
    }

    /// The other side was there, and this one did not wait for its window.
    pub(super) fn gave_up_on_a_closed_window(
        &self,
        side: Side,
        at: (Moment, Moment),
    ) -> StoryVerdict {
        StoryVerdict {
            silence: Some(Silence::ZeroWindow),
            noticed: Noticed::WindowProbes,
            noticed_at: Some(at),
            ..self.plain(Ending::GaveUp(side))
        }
    }

    /// The host answered that it knows no such connection.
    fn forgotten(&self, reset: &Reset, me: &Half, peer: &Half) -> StoryVerdict {
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
        let mut evidence = vec![Evidence::Disowned(reset.side)];
        let forged = reset.after_forged.map(|forged| reset.at.since(forged));
        evidence.extend(forged.map(|before| Evidence::ForgedBefore(!reset.side, before)));
        StoryVerdict {
            gone: Gone::Connection,
            evidence,
            last_heard: me.last,
            unanswered_since: asked.or(peer.last),
            unanswered: 0,
            silence: Some(silence),
            noticed: Noticed::OtherHost,
            noticed_at: Some((reset.at, reset.at)),
            ..self.plain(Ending::Forgotten(reset.side))
        }
    }
}
