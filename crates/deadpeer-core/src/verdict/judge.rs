//! The machine: readings in, verdicts out.

use std::time::Duration;

use super::Verdict;
use super::evidence::{Counters, heard_ago};
use super::loss::Loss;
use super::nanos::Nanos;
use super::supervision::{Preference, Supervision};
use crate::cause::Cause;
use crate::state::TcpState;
use crate::tcp_info::TcpInfo;

/// Solicitations come a second apart at most ([`Supervision::options`]): how long one more takes.
const ANOTHER_QUESTION: Duration = Duration::from_secs(1);
/// Without evidence a first look is taken after this.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Judges one connection.
///
/// Times are readings of `CLOCK_MONOTONIC`: it stands still while the machine sleeps, as the kernel's own
/// timers do, so that a night of sleep is no silence of the peer.
#[derive(Debug, Clone, Copy)]
pub struct Judge {
    supervision: Supervision,
    loss: Loss,
    /// The first reading, then always the one that brought evidence.
    base: Option<Reading>,
    /// The last reading.
    looked: Nanos,
    unanswered: u32,
    /// When the peer was heard last, as far as is proved.
    heard: Nanos,
    closed_window_since: Option<Nanos>,
    verdict: Verdict,
}

// There is one for every supervised connection.
const _: () = assert!(size_of::<Judge>() <= 144);

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Nanos,
    counters: Counters,
}

impl Judge {
    /// A judge who has seen nothing yet.
    #[must_use]
    pub fn new(supervision: Supervision) -> Self {
        Self {
            supervision,
            loss: Loss::default(),
            base: None,
            looked: Nanos::ZERO,
            unanswered: 0,
            heard: Nanos::ZERO,
            closed_window_since: None,
            verdict: Verdict::Unknown { unanswered: 0 },
        }
    }

    /// Takes a reading of TCP_INFO made at `at` and judges.
    ///
    /// The first reading proves nothing by itself but what the kernel says of the last arrival.
    pub fn observe(&mut self, at: Duration, info: &TcpInfo) -> Verdict {
        self.weigh(at, Counters::of(info), heard_ago(info));
        self.looked = at.into();
        self.note_window(at, info);
        self.verdict = self.judge(at, info);
        self.verdict
    }

    /// The last verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// When the next reading can change the verdict to unreachable; `None`: the connection is over.
    ///
    /// A connection that is heard needs no look before its silence could have lasted the deadline: the kernel counts meanwhile.
    #[must_use]
    pub fn next_look(&self) -> Option<Duration> {
        if self.base.is_none() {
            return Some(FIRST_LOOK);
        }
        match self.verdict {
            Verdict::Closed { .. } => None,
            Verdict::Unreachable { .. } => Some(self.looked.get() + ANOTHER_QUESTION),
            Verdict::Alive { .. }
            | Verdict::Unknown { .. }
            | Verdict::Stalled { .. }
            | Verdict::PeerFinished => {
                let silent_enough = self.heard.get() + self.supervision.patience();
                if silent_enough > self.looked.get() {
                    return Some(silent_enough);
                }
                let missing = self.needed().saturating_sub(self.unanswered);
                Some(self.looked.get() + ANOTHER_QUESTION * missing.clamp(1, 30))
            }
        }
    }

    /// By how much the verdict comes after the deadline at the loss measured so far, if the peer vanished now and
    /// `before_probing` is the silence before the first probe (`TCP_KEEPIDLE`).
    #[must_use]
    pub fn slip(&self, before_probing: Duration) -> Duration {
        match self.supervision.preference() {
            Preference::Deadline => Duration::ZERO,
            Preference::Certainty => (before_probing + ANOTHER_QUESTION * self.needed())
                .saturating_sub(self.supervision.deadline()),
        }
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
    fn weigh(&mut self, at: Duration, counters: Counters, heard_ago: Option<Duration>) {
        self.unanswered = counters.open.into();
        let elapsed = self.base.map(|base| at.saturating_sub(base.at.get()));
        if let (Some(base), Some(elapsed)) = (&self.base, elapsed) {
            if !counters.prove_life_since(&base.counters, elapsed, heard_ago) {
                return;
            }
            let (failed, answered) = questions_between(&base.counters, &counters);
            self.loss.sample(failed, answered);
        }
        let ago = heard_ago.unwrap_or_default().min(elapsed.unwrap_or(at));
        self.heard = at.saturating_sub(ago).into();
        let at = at.into();
        self.base = Some(Reading { at, counters });
    }

    fn note_window(&mut self, at: Duration, info: &TcpInfo) {
        let closed = info.snd_wnd == Some(0) && info.notsent_bytes > Some(0);
        self.closed_window_since = closed.then(|| self.closed_window_since.unwrap_or(at.into()));
    }

    fn judge(&self, at: Duration, info: &TcpInfo) -> Verdict {
        let unanswered = self.unanswered;
        if info.state == Some(TcpState::Close) {
            return Verdict::Closed {
                cause: Cause::Unknown,
            };
        }
        let silent = at.saturating_sub(self.heard.get());
        if silent >= self.supervision.patience() && unanswered > 0 {
            let convinced = unanswered >= self.needed();
            if convinced || self.supervision.preference() == Preference::Deadline {
                return Verdict::Unreachable {
                    since: silent,
                    unanswered,
                };
            }
        }
        if matches!(
            info.state,
            Some(TcpState::CloseWait | TcpState::LastAck | TcpState::Closing)
        ) {
            return Verdict::PeerFinished;
        }
        if unanswered > 0 {
            return Verdict::Unknown { unanswered };
        }
        if let Some(since) = self.closed_window_since {
            return Verdict::Stalled {
                since: at.saturating_sub(since.get()),
            };
        }
        if silent > self.supervision.deadline() {
            return Verdict::Unknown { unanswered: 0 };
        }
        Verdict::Alive { age: silent }
    }
}

/// The questions asked and answered between two readings on a connection that lived.
///
/// Without data, everything we sent was a probe and every pure ACK an answer. With data, every retransmission stands for a
/// lost segment; its way back could have failed as well, so it counts twice.
fn questions_between(before: &Counters, after: &Counters) -> (f64, f64) {
    let since = |now: u32, then: u32| f64::from(now.wrapping_sub(then));
    let data_out = since(after.data_segs_out, before.data_segs_out);
    let data_in = since(after.data_segs_in, before.data_segs_in);
    if data_out == 0.0 && data_in == 0.0 {
        // Those that were open then have failed since; those that are open now may still be answered.
        let asked = since(after.segs_out, before.segs_out) + f64::from(before.open);
        let answered = f64::from(after.acks_since(before)).min(asked);
        let failed = (asked - answered - f64::from(after.open)).max(0.0);
        return (failed, answered);
    }
    let sent_again = since(after.retransmitted, before.retransmitted);
    // What is open now may still be answered: it is a silence, not a loss. A tail-loss probe precedes the first timeout.
    let open = match after.open {
        0 => 0.0,
        timeouts => f64::from(timeouts) + 1.0,
    };
    let lost = (sent_again - open).max(0.0);
    (2.0 * lost, (data_out - sent_again).max(0.0))
}
