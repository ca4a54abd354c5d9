//! Connections that ended with a RST.

use deadpeer_core::Silence;

use super::plea::{Plea, late};
use super::{Case, RECENT};
use crate::Moment;
use crate::story::verdict::{Ending, Gone, Noticed, Verdict};
use crate::talk::{Asked, Half, Kind, Reset, Side};

impl Case<'_> {
    pub(super) fn reset(&self, reset: &Reset) -> Verdict {
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
        let bygone = || self.bygone_plea(side).filter(|_| disowns);
        if let Some(plea) = bygone().or_else(|| self.plea(side)) {
            return self.reset_by_who_asked(reset, &plea);
        }
        if let Some(since) = self.gave_up_at_the_window(reset, me) {
            return since;
        }
        match (reset.reply_to, me.last) {
            (Some(_), _) if me.fin.is_some() => self.plain(Ending::NoReader(side)),
            (Some(_), Some(_)) => self.forgotten(reset, me, peer),
            _ => self.plain(Ending::Aborted(side)),
        }
    }

    /// The side that sent the RST had been asking in vain itself.
    fn reset_by_who_asked(&self, reset: &Reset, plea: &Plea) -> Verdict {
        let side = reset.side;
        let mut verdict = self.left_alone(plea, Ending::GaveUp(side));
        if reset.reply_to.is_some() {
            // It had given up silently, and a late packet of the other side found nobody.
            verdict.noticed = plea.noticed;
            verdict.noticed_at = Some((plea.last, plea.due.min(reset.at)));
            return verdict;
        }
        let by_keepalive = plea.noticed == Noticed::Keepalive && reset.acknowledges && {
            let interval = self.half(side).asking.measured().interval();
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

    /// When the window opened, its host knew no such connection any more: a user timeout takes a closed window for silence,
    /// answered probes or not (tcp(7), `TCP_USER_TIMEOUT`; net/ipv4/tcp_timer.c, `tcp_probe_timer`).
    fn gave_up_at_the_window(&self, reset: &Reset, me: &Half) -> Option<Verdict> {
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
    pub(super) fn gave_up_on_a_closed_window(&self, side: Side, at: (Moment, Moment)) -> Verdict {
        Verdict {
            silence: Some(Silence::ZeroWindow),
            noticed: Noticed::WindowProbes,
            noticed_at: Some(at),
            ..self.plain(Ending::GaveUp(side))
        }
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
}
