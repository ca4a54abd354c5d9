//! The machine: readings in, verdicts out.

use std::time::Duration;

use super::Verdict;
use super::evidence::{Ages, Counters};
use super::loss::Loss;
use super::moment::Moment;
use super::nanos::Nanos;
use super::questions::questions_between;
use super::supervision::{Preference, Supervision};
use crate::cause::Cause;
use crate::state::TcpState;
use crate::tcp_info::{CaState, TcpInfo};

/// Without a first reading one is taken after this.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// How many looks a deadline has while data arrives. Should only our direction be lost, it comes
/// again and again: each time the kernel counts unanswered questions afresh, so they are counted
/// here, and each look that finds some has found a lost acknowledgement. And an answer cannot be
/// dated closer than the looks are.
const CLOSE_CHECKS: u32 = 8;

/// Window probes begin a fifth of a second apart, and Linux answers one in half a second at most
/// (`tcp_invalid_ratelimit`): so many may go unanswered each time that a window closes.
const HASTY: u8 = 2;
/// They come so soon after it closes.
const HASTE: Duration = Duration::from_secs(1);
/// The kernel's count of unanswered retransmissions goes so far and begins afresh.
const MOST_COUNTED: u32 = 255;
/// What `tcp_retries2` (15) comes to, 924.6 s, and the longest RTO, at whose end Linux looks.
const GIVEN_UP: Duration = Duration::from_secs(1_045);
/// How far apart looks are while one more question is waited for.
const IMPATIENCE: Duration = Duration::from_millis(50);

/// Judges one connection.
///
/// Times are readings of `CLOCK_MONOTONIC`: it stands still while the machine sleeps, as the
/// kernel's own timers do, so that a night of sleep is no silence of the peer.
#[derive(Debug, Clone, Copy)]
pub struct Judge {
    supervision: Supervision,
    loss: Loss,
    /// The first reading, then always the one that brought evidence.
    base: Option<Reading>,
    /// The last reading.
    observed: Nanos,
    /// The last one at which nothing lost can have been sent again.
    untroubled: Moment,
    /// Since when its window may have been probed, which was found closed after that.
    probed_since: Option<Moment>,
    last: LastSeen,
    /// When the peer was heard last, as far as is proved.
    heard: Nanos,
    closed_window_since: Option<Moment>,
    verdict: Verdict,
}

// There is one for every supervised connection.
const _: () = assert!(size_of::<Judge>() <= 144);

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Nanos,
    counters: Counters,
    /// Questions that went unanswered since.
    unanswered: u32,
}

/// What the next reading needs to know of the last.
#[derive(Debug, Clone, Copy)]
struct LastSeen {
    open: u16,
    data_segs_in: u32,
    said_unasked: u32,
    /// Whether data came until the peer was heard last, or may have.
    data: bool,
    /// Whether a question went out so late that it would have found an outage over.
    asked_late: bool,
}

impl Judge {
    /// A judge who has seen nothing yet.
    #[must_use]
    pub fn new(supervision: Supervision) -> Self {
        Self {
            supervision,
            loss: Loss::default(),
            base: None,
            observed: Nanos::ZERO,
            untroubled: Moment::at(Duration::ZERO),
            probed_since: None,
            last: LastSeen {
                open: 0,
                data_segs_in: 0,
                said_unasked: 0,
                data: false,
                asked_late: false,
            },
            heard: Nanos::ZERO,
            closed_window_since: None,
            verdict: Verdict::Unknown { unanswered: 0 },
        }
    }

    /// Takes a reading of TCP_INFO made at `at` and judges.
    ///
    /// The first reading tells how many questions went unanswered since the connection began. Of
    /// the peer it proves what the kernel says of the last arrival.
    pub fn observe(&mut self, at: Duration, info: &TcpInfo) -> Verdict {
        self.note_window(at, info);
        self.weigh(at, Counters::of(info), Ages::of(info));
        let is_first = self.observed == Nanos::ZERO;
        self.note_probes(at, info, is_first);
        self.observed = at.into();
        if !may_be_recovering(info) {
            self.untroubled = Moment::at(at);
        } else if is_first {
            // A connection on which it had run for longer would be over.
            self.untroubled = Moment::at(at).before(busy(info).min(GIVEN_UP));
        }
        self.verdict = self.judge(at, info);
        self.verdict
    }

    /// The last verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// When the next reading can change the verdict to unreachable, or is needed to tell answers
    /// from data that comes again; `None`: the connection is over.
    ///
    /// A connection that is heard and receives no data needs no look before its silence could have
    /// lasted the deadline: the kernel counts meanwhile. But its user timeout may have to be
    /// [moved](super::UserTimeout::next_check) before.
    #[must_use]
    pub fn next_check(&self) -> Option<Duration> {
        if self.base.is_none() {
            return Some(FIRST_LOOK);
        }
        let (observed, spacing) = (self.observed.get(), self.supervision.spacing());
        match self.verdict {
            Verdict::Closed { .. } => None,
            Verdict::Unreachable { .. } => Some(observed + spacing),
            Verdict::Alive { .. }
            | Verdict::Unknown { .. }
            | Verdict::Stalled { .. }
            | Verdict::PeerFinished
            | Verdict::ApplicationSilent { .. } => self.next_doubt(observed, spacing),
        }
    }

    fn next_doubt(&self, observed: Duration, spacing: Duration) -> Option<Duration> {
        let (heard, patience) = (self.heard.get(), self.supervision.patience());
        let silent_enough = heard + patience;
        if silent_enough <= observed {
            let missing = self.needed().saturating_sub(self.unanswered());
            return Some(match missing {
                0 => observed + IMPATIENCE,
                _ => observed + spacing * missing.min(30),
            });
        }
        if !self.last.data {
            return Some(silent_enough);
        }
        let outage_over = heard + self.supervision.longest_outage();
        let next = [outage_over, silent_enough]
            .into_iter()
            .find(|at| *at > observed);
        next.map(|at| at.min(observed + patience / CLOSE_CHECKS))
    }

    /// How long the peer had been silent at the last reading, as far as is proved.
    pub(super) fn silence(&self) -> Duration {
        self.observed.get().saturating_sub(self.heard.get())
    }

    /// When the last reading was.
    pub(super) fn observed(&self) -> Duration {
        self.observed.get()
    }

    /// For how long what was lost has been sent again at the last reading, at most. `None` if it
    /// cannot have been.
    pub(super) fn recovering_for(&self) -> Option<Duration> {
        let time = self.untroubled.ago(self.observed.get());
        (time > Duration::ZERO).then_some(time)
    }

    /// How old the kernel's clock of window probes may be at the last reading; `None`: the window
    /// was never found closed. It goes on while the window opens by less than what waits in one
    /// piece, however often (net/ipv4/tcp_input.c, `tcp_ack_probe`).
    pub(super) fn probed_for(&self) -> Option<Duration> {
        Some(self.probed_since?.ago(self.observed.get()))
    }

    /// Whether the window was closed at the last reading.
    pub(super) fn window_is_closed(&self) -> bool {
        self.closed_window_since.is_some()
    }

    /// By how much the verdict comes after the deadline at the loss measured so far, if the peer
    /// vanished now and `before_probing` is the silence before the first probe (`TCP_KEEPIDLE`).
    #[must_use]
    pub fn slip(&self, before_probing: Duration) -> Duration {
        let supervision = &self.supervision;
        let notices = supervision.notices_idle_within(before_probing, &self.loss);
        notices.saturating_sub(supervision.deadline())
    }

    /// The chance, at most, that the live peer is called unreachable when its path comes to lose
    /// this share of all packets each way (0 to 1) now, beyond what was measured so far:
    /// [`Supervision::sudden_loss`], or less where the path is known to lose much.
    #[must_use]
    pub fn sudden_loss(&self, each_way: f64) -> f64 {
        self.supervision.sudden_loss_after(&self.loss, each_way)
    }

    /// The unanswered solicitations in a row that convince, at the loss measured so far.
    #[must_use]
    pub fn needed(&self) -> u32 {
        self.loss.convincing_streak(self.supervision.questions())
    }

    /// The loss measured so far.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Proof of life since the base, and how many questions it took.
    fn weigh(&mut self, at: Duration, counters: Counters, ages: Ages) {
        let Some(base) = self.base else {
            self.sample(&counters.at_birth(), &counters, Duration::MAX);
            self.hear(at, counters, ages.heard.unwrap_or_default().min(at));
            // What comes is not known yet: a close second look.
            self.last.data = true;
            return;
        };
        let elapsed = at.saturating_sub(base.at.get());
        if let Some(ago) = counters.answered_since(&base.counters, elapsed, ages) {
            // After a long silence retransmissions before it can't be told from those in it where
            // the kernel may have counted past 255.
            if !self.is_long(ago) || counters.resent_since(&base.counters) <= MOST_COUNTED {
                self.sample(&base.counters, &counters, elapsed);
            }
            self.hear(at, counters, ago);
            self.last.data = counters.data_since(&base.counters);
        } else {
            self.note_silence(&counters);
        }
    }

    fn unanswered(&self) -> u32 {
        self.base.map_or(0, |base| base.unanswered)
    }

    /// Whether a silence is longer than close looks are apart.
    fn is_long(&self, silence: Duration) -> bool {
        silence >= self.supervision.patience() / CLOSE_CHECKS
    }

    fn sample(&mut self, before: &Counters, after: &Counters, elapsed: Duration) {
        let most_answered = |in_vain| self.supervision.answers_within(elapsed, in_vain);
        let hasty = if self.has_just_closed() { HASTY } else { 0 };
        let (failed, answered) = questions_between(before, after, hasty, most_answered);
        self.loss.sample(failed, answered);
    }

    /// Whether the window is closed, and had not been seen to be for long when the peer was heard
    /// before.
    fn has_just_closed(&self) -> bool {
        self.closed_window_since.is_some_and(|since| {
            let heard = self.base.map(|base| base.at.get());
            heard.is_none_or(|heard| since.is_after(heard) || since.ago(heard) <= HASTE)
        })
    }

    fn hear(&mut self, at: Duration, counters: Counters, ago: Duration) {
        self.heard = at.saturating_sub(ago).into();
        self.base = Some(Reading {
            at: at.into(),
            counters,
            unanswered: counters.open().into(),
        });
        self.last.asked_late = false;
        self.remember(&counters);
    }

    /// Adds what has been asked in vain since the last reading. The kernel begins to count afresh
    /// when data comes again; probes show among the segments all the same.
    fn note_silence(&mut self, counters: &Counters) {
        let open = counters.open();
        let counted = u32::from(open.checked_sub(self.last.open).unwrap_or(open));
        let said = counters.said_unasked().wrapping_sub(self.last.said_unasked);
        // Less is said than comes where several segments are acknowledged at once.
        let asked = counted.max(said.cast_signed().max(0).cast_unsigned());
        // Data that came again says that our acknowledgement of it did not arrive. One arrival
        // alone counts: a single lost acknowledgement can make many segments come again.
        let again = counters.data_segs_in != self.last.data_segs_in;
        if let Some(base) = &mut self.base {
            base.unanswered = base.unanswered.saturating_add(asked + u32::from(again));
        }
        let outage_over = self.heard.get() + self.supervision.longest_outage();
        self.last.asked_late |= asked > 0 && self.observed.get() >= outage_over;
        self.remember(counters);
    }

    fn remember(&mut self, counters: &Counters) {
        self.last.open = counters.open();
        self.last.data_segs_in = counters.data_segs_in;
        self.last.said_unasked = counters.said_unasked();
    }

    /// A closed window may have closed just after the reading before.
    fn note_probes(&mut self, at: Duration, info: &TcpInfo, is_first: bool) {
        if self.window_is_closed() && self.probed_since.is_none() {
            self.probed_since = Some(match is_first {
                // Probes that are answered go on for as long as the peer does not read.
                true => Moment::at(at).before(busy(info)),
                false => Moment::at(self.observed.get()),
            });
        }
    }

    fn note_window(&mut self, at: Duration, info: &TcpInfo) {
        let closed = info.snd_wnd == Some(0) && info.notsent_bytes > Some(0);
        self.closed_window_since =
            closed.then(|| self.closed_window_since.unwrap_or(Moment::at(at)));
    }

    fn judge(&self, at: Duration, info: &TcpInfo) -> Verdict {
        let unanswered = self.unanswered();
        if info.state == Some(TcpState::Close) {
            return Verdict::Closed {
                cause: Cause::Unknown,
            };
        }
        let silent = at.saturating_sub(self.heard.get());
        if silent >= self.supervision.patience() && unanswered > 0 {
            // Probes are timed from the last answer, retransmissions have times of their own.
            let asked_late = self.last.asked_late
                || info.retransmits.is_none_or(|n| n == 0)
                || silent >= self.supervision.longest_patience();
            let convinced = asked_late && unanswered >= self.needed();
            if convinced || self.supervision.preference() == Preference::Deadline {
                return Verdict::Unreachable {
                    since: silent,
                    unanswered,
                };
            }
        }
        if info.state.is_some_and(TcpState::peer_has_finished) {
            return Verdict::PeerFinished;
        }
        if unanswered > 0 {
            return Verdict::Unknown { unanswered };
        }
        if let Some(since) = self.closed_window_since {
            return Verdict::Stalled {
                since: since.ago(at),
            };
        }
        if silent > self.supervision.deadline() {
            return Verdict::Unknown { unanswered: 0 };
        }
        Verdict::Alive { age: silent }
    }
}

/// Whether the kernel's clock of retransmissions may run (net/ipv4/tcp_input.c, `retrans_stamp`).
///
/// It stands still in the state Open alone: one in Disorder may go on with a clock of a recovery
/// before, for what is sent again then keeps it from Open (`tcp_try_keep_open`).
fn may_be_recovering(info: &TcpInfo) -> bool {
    let is_open = matches!(info.ca_state, None | Some(CaState::Open));
    !is_open || info.retransmits.is_some_and(|timeouts| timeouts > 0)
}

/// How long something was unacknowledged in all. The kernel's clocks of retransmissions and of
/// window probes run only then, so neither is older.
fn busy(info: &TcpInfo) -> Duration {
    info.busy_time_us.map_or(GIVEN_UP, Duration::from_micros)
}
