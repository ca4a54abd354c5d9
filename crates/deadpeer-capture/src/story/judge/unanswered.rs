//! What a side asks for in vain.

use std::time::Duration;

use deadpeer_core::Silence;

use super::{Case, RECENT};
use crate::Moment;
use crate::story::verdict::{Gone, Noticed};
use crate::talk::{Asked, Half, Question, Resent, Run, Side};

/// A probe this soon after the last answer proves nothing: Linux answers at most one in half a
/// second (net/ipv4/tcp_input.c, `tcp_oow_rate_limited`).
const TOO_SOON: Duration = Duration::from_millis(600);
/// Who was answered and asks no more after fewer questions heard the last answer; after more it
/// gave up.
const PATIENT: u32 = 4;
/// A SYN is sent again after a second at least (RFC 6298, section 2.1).
pub(super) const SYN_WAIT: Duration = Duration::from_millis(900);

/// What a side asks for in vain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unanswered {
    /// Who is missed: not the one that asks, or one that cannot hear the answers.
    pub(super) gone: Gone,
    pub(super) silence: Silence,
    /// What would notice it.
    pub(super) noticed: Noticed,
    pub(super) times: u32,
    pub(super) first: Moment,
    pub(super) last: Moment,
    /// When it would ask again, at the latest.
    pub(super) due: Moment,
    pub(super) last_heard: Option<Moment>,
    /// How many of the questions came after the host of the other side had spoken elsewhere;
    /// `None`: it had not.
    pub(super) since_elsewhere: Option<u32>,
    pub(super) proof: Proof,
    /// Whether a RST came when the next question was due: the kernel gave up.
    pub(super) on_the_beat: bool,
}

/// What the questions may prove.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof {
    /// The same was sent again.
    Timer {
        what: Resent,
        /// Whether a timer ran out again and again.
        backs_off: bool,
        /// The first wait and the last.
        waits: (Duration, Duration),
        /// Whether the last waits were the same: the timer doubles no more.
        steady: bool,
        /// Whether it was the same packet each time.
        replay: bool,
    },
    /// Probes.
    Probes {
        asked: Asked,
        /// How many of the latest repeat the timestamp echo of the one before.
        same_echo: u32,
    },
    /// Asked again although it was answered.
    AskedAgain {
        /// Whether a timestamp echo shows that the answer did not arrive.
        stale_echo: bool,
    },
}

impl Case<'_> {
    /// What a side is asking for in vain, if anything.
    pub(super) fn unanswered(&self, side: Side) -> Option<Unanswered> {
        let me = self.half(side);
        let not_receiving = || self.not_receiving(me, side);
        let run = me.resending.run();
        run.and_then(|run| self.resending(run, side))
            .or_else(|| self.probing(side))
            .or_else(not_receiving)
    }

    /// What a side had been asking for in vain when the other one was heard again, if it said
    /// nothing since.
    pub(super) fn bygone_unanswered(&self, side: Side) -> Option<Unanswered> {
        let me = self.half(side);
        let silent_since = |over: Moment| me.last.is_some_and(|last| last < over);
        let run = me.resending.over().filter(|(_, over)| silent_since(*over));
        if let Some((run, _)) = run {
            return self.resending(run, side);
        }
        let gap = me.asking.gap().filter(|gap| silent_since(gap.over))?;
        if too_soon(gap.probes, gap.last, gap.heard_before) {
            return None;
        }
        let next = match gap.asked {
            Asked::Presence => me.asking.measured().interval(),
            Asked::Window => me.asking.last_wait().map(|wait| wait * 2),
        };
        Some(Unanswered {
            times: gap.probes,
            first: gap.first,
            last: gap.last,
            due: overdue(gap.last, next),
            last_heard: gap.heard_before,
            proof: Proof::Probes {
                asked: gap.asked,
                same_echo: gap.same_echo,
            },
            ..asked_for(gap.asked, Gone::Side(!side), gap.last)
        })
    }

    fn resending(&self, run: &Run, side: Side) -> Option<Unanswered> {
        let (me, peer) = (self.half(side), self.half(!side));
        if run.what == Resent::Syn && me.went_on_opening() {
            // It had heard the answer.
            return None;
        }
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
            run.count > 1 || run.last_wait() >= RECENT || self.end.since(run.last) >= RECENT;
        let asked_first = me.asking.first_unanswered().unwrap_or(run.first);
        // What comes from the other side while this one connects is of an older connection.
        let spoke_on = run.heard_meanwhile > 1 && run.what != Resent::Syn;
        let one_way = spoke_on || self.receives_nothing(!side);
        long_enough.then_some(Unanswered {
            gone: match one_way {
                true => Gone::NotReceiving(!side),
                false => Gone::Side(!side),
            },
            silence,
            noticed,
            times: run.count,
            first: asked_first.min(run.original.unwrap_or(run.first)),
            last: run.last,
            due: run.last.plus(late(run.last_wait() * 2)),
            last_heard: run
                .heard_before
                .or(peer.last.filter(|last| *last <= run.last)),
            since_elsewhere: run.since_elsewhere,
            proof: Proof::Timer {
                what: run.what,
                backs_off: run.backs_off(),
                waits: (run.first_wait(), run.last_wait()),
                steady: run.is_steady(),
                replay: run.is_replay(),
            },
            on_the_beat: false,
        })
    }

    fn probing(&self, side: Side) -> Option<Unanswered> {
        let (asking, peer) = (&self.half(side).asking, self.half(!side));
        let (first, last) = (asking.first_unanswered()?, asking.last()?);
        let next = match asking.asked() {
            Asked::Presence => {
                let measured = asking.measured();
                measured.interval().or(measured.idle())
            }
            Asked::Window => asking.last_wait().map(|wait| wait * 2),
        };
        // Unanswered for a moment only, had the capture gone on.
        let long_enough = asking.unanswered() > 1 || self.end.since(last) >= RECENT;
        if too_soon(asking.unanswered(), last, peer.last) {
            return None;
        }
        let cut_by_reset = self.conversation.reset.is_some();
        let gone = match self.receives_nothing(!side) {
            true => Gone::NotReceiving(!side),
            false => Gone::Side(!side),
        };
        (long_enough || cut_by_reset).then_some(Unanswered {
            times: asking.unanswered(),
            first,
            due: overdue(last, next),
            last_heard: peer.last,
            since_elsewhere: asking.since_elsewhere(),
            proof: Proof::Probes {
                asked: asking.asked(),
                same_echo: asking.same_echo(),
            },
            ..asked_for(asking.asked(), gone, last)
        })
    }

    /// A side that is answered, and hears nothing of it.
    fn not_receiving(&self, me: &Half, side: Side) -> Option<Unanswered> {
        let unheard = me.hearing.unheard()?;
        let unanswered = Unanswered {
            // The first one was asked in vain too; of data the first time does not count.
            times: unheard.times + u32::from(matches!(unheard.question, Question::Probe(_))),
            first: unheard.first,
            due: unheard.last.plus(late(match unheard.question {
                Question::Probe(Asked::Presence) => {
                    let interval = me.asking.measured().interval();
                    interval.unwrap_or(unheard.last_wait).max(RECENT)
                }
                Question::Probe(Asked::Window) | Question::Syn | Question::Data | Question::Fin => {
                    unheard.last_wait * 2
                }
            })),
            last_heard: Some(unheard.first),
            proof: Proof::AskedAgain {
                stale_echo: unheard.by_echo(),
            },
            ..asked_in(unheard.question, Gone::NotReceiving(side), unheard.last)
        };
        let may_have_heard = unheard.times < PATIENT && self.end > unanswered.due;
        let cut_by_reset = self.conversation.reset.is_some();
        (!may_have_heard || cut_by_reset).then_some(unanswered)
    }

    /// Whether a side showed that it hears nothing of what the other sends.
    pub(super) fn receives_nothing(&self, side: Side) -> bool {
        self.half(side).hearing.unheard().is_some()
    }
}

fn too_soon(probes: u32, last: Moment, heard: Option<Moment>) -> bool {
    probes < 2 && heard.is_some_and(|heard| last.since(heard) < TOO_SOON)
}

/// Unanswered probes; times and moments are still to be filled in.
fn asked_for(asked: Asked, gone: Gone, last: Moment) -> Unanswered {
    asked_in(Question::Probe(asked), gone, last)
}

fn asked_in(question: Question, gone: Gone, last: Moment) -> Unanswered {
    let (silence, noticed) = match question {
        Question::Probe(Asked::Presence) => (Silence::Idle, Noticed::Keepalive),
        Question::Probe(Asked::Window) => (Silence::ZeroWindow, Noticed::WindowProbes),
        Question::Syn => (Silence::Connecting, Noticed::Handshake),
        Question::Data => (Silence::InFlight, Noticed::Retransmission),
        Question::Fin => (Silence::AfterFin, Noticed::Retransmission),
    };
    Unanswered {
        gone,
        silence,
        noticed,
        times: 0,
        first: last,
        last,
        due: last,
        last_heard: None,
        since_elsewhere: None,
        proof: Proof::AskedAgain { stale_echo: false },
        on_the_beat: false,
    }
}

/// When the next probe would have come, at the latest.
fn overdue(last: Moment, next: Option<Duration>) -> Moment {
    last.plus(late(next.unwrap_or(RECENT).max(RECENT)))
}

/// A wait and what a timer may be late: an eighth (kernel/time/timer.c), and a little for the way.
pub(super) fn late(wait: Duration) -> Duration {
    wait + wait / 8 + Duration::from_millis(500)
}
