//! A side that sends the same again, each time after twice the wait (RFC 6298, section 5).

use std::time::Duration;

use super::episode::{EpisodeId, Resent, What};
use super::log::Log;
use super::measured::Shortest;
use super::sequence::before;
use super::side::Side;
use crate::{Moment, Span};

/// A wait that is long enough to be told although it helped at once.
const NOTABLE: Duration = Duration::from_secs(1);

/// Only a timer waits so long; what duplicate acknowledgments cause comes within a round trip.
const TIMER: Duration = Duration::from_millis(900);

/// The retransmissions of what is not acknowledged yet, and those before. Most connections have
/// none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resending {
    run: Option<Box<Run>>,
    over: Option<Box<(Run, Moment)>>,
}

/// The retransmissions of one segment.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) what: Resent,
    seq: u32,
    /// When it was sent for the first time, if that was captured.
    pub(crate) original: Option<Moment>,
    /// When it was sent again for the first time.
    pub(crate) first: Moment,
    /// The first time that was a timeout, after which waits double: a tail-loss probe may come
    /// before it.
    pub(crate) first_timeout: Option<Moment>,
    /// The same for the last time.
    pub(crate) last: Moment,
    pub(crate) count: u32,
    first_wait: Span,
    last_wait: Span,
    /// When the other side had been heard before the first of them.
    pub(crate) heard_before: Option<Moment>,
    /// Segments of the other side in the meantime, none of which acknowledged it.
    pub(crate) heard_meanwhile: u32,
    /// How often it was sent since the other side's host spoke elsewhere; `None`: that did not.
    pub(crate) since_elsewhere: Option<u32>,
    /// How often a wait was about twice the one before.
    doubled: u32,
    /// How many of the latest waits were about as long as the one before.
    steady: u32,
    /// Whether one of them was a packet of its own: not the same that was seen before, as its IP
    /// identification shows.
    fresh: bool,
    /// Whether a wait was much shorter than the one before: no timer does that.
    shrank: bool,
    told_in: EpisodeId,
}

/// When a segment is sent again, and what was before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// When the other side was heard last.
    pub(crate) heard: Option<Moment>,
    /// When this side had last sent something that asks to be acknowledged.
    pub(crate) sent: Option<Moment>,
    /// When the other side's host had spoken last in another conversation.
    pub(crate) elsewhere: Option<Moment>,
    pub(crate) now: Moment,
    /// Whether its IP identification is not that of the packet before it.
    pub(crate) fresh: bool,
}

impl Resending {
    pub(crate) fn touch(&self) -> u64 {
        let run = self.run.as_deref();
        run.map_or(0, |run| run.last.nanos() ^ u64::from(run.count))
    }

    /// What is being sent again and is still not acknowledged.
    pub(crate) fn run(&self) -> Option<&Run> {
        self.run.as_deref()
    }

    /// What was sent again before, and when it was acknowledged in the end.
    pub(crate) fn over(&self) -> Option<&(Run, Moment)> {
        self.over.as_deref()
    }

    /// Whether the segment at `seq` is being sent again.
    pub(crate) fn concerns(&self, seq: u32) -> bool {
        self.run().is_some_and(|run| run.seq == seq)
    }

    /// The side sends a segment again.
    pub(crate) fn again(
        &mut self,
        (what, seq): (Resent, u32),
        times: Times,
        side: Side,
        rto: &mut Shortest,
        log: &mut Log<'_>,
    ) {
        let run = match &mut self.run {
            Some(run) if run.seq == seq => {
                run.again(times, rto);
                run
            }
            Some(run) if run.is_followed_by(seq, times.now) => return,
            other => other.insert(Box::new(Run::begin(what, seq, times))),
        };
        if run.count > 1 || run.last_wait() >= NOTABLE {
            run.tell(side, log);
        }
    }

    /// The other side acknowledged everything before `ack`.
    pub(crate) fn acknowledged(&mut self, ack: u32, now: Moment, log: &mut Log<'_>) {
        let Some(run) = self.run.take_if(|run| before(run.seq, ack)) else {
            return;
        };
        if let Some(episode) = log.episodes.by_id(run.told_in) {
            episode.until = now;
            if let What::Resending { acknowledged, .. } = &mut episode.what {
                *acknowledged = true;
            }
            episode.answer_mark(now);
        }
        if run.count > 1 || now.since(run.last) >= NOTABLE {
            self.over = Some(Box::new((*run, now)));
        }
    }

    /// The other side sent something that does not acknowledge it.
    pub(crate) fn heard(&mut self) {
        if let Some(run) = &mut self.run {
            run.heard_meanwhile = run.heard_meanwhile.saturating_add(1);
        }
    }

    /// Writes down what is still being sent again.
    pub(crate) fn tell(&mut self, side: Side, log: &mut Log<'_>) {
        if let Some(run) = &mut self.run {
            run.tell(side, log);
        }
    }
}

impl Run {
    fn begin(what: Resent, seq: u32, times: Times) -> Self {
        let Times {
            heard, sent, now, ..
        } = times;
        let wait = sent.map_or(Duration::ZERO, |sent| now.since(sent));
        Self {
            what,
            seq,
            original: sent,
            first: now,
            first_timeout: None,
            last: now,
            count: 1,
            first_wait: wait.into(),
            last_wait: wait.into(),
            heard_before: heard,
            heard_meanwhile: 0,
            since_elsewhere: None,
            doubled: 0,
            steady: 0,
            fresh: times.fresh,
            shrank: false,
            told_in: EpisodeId::default(),
        }
    }

    fn again(&mut self, times: Times, rto: &mut Shortest) {
        let Times { elsewhere, now, .. } = times;
        let wait = now.since(self.last);
        let last_wait = self.last_wait();
        if is_double(last_wait, wait) {
            rto.of(last_wait);
            self.first_timeout.get_or_insert(self.last);
            self.doubled += 1;
        }
        self.fresh |= times.fresh;
        self.steady = match is_alike(last_wait, wait) {
            true => self.steady.saturating_add(1),
            false => 0,
        };
        // Before the first timeout a tail-loss probe or a fast retransmission may have come.
        self.shrank |= self.count > 1 && wait * 20 < last_wait * 9;
        self.since_elsewhere = match self.since_elsewhere {
            _ if elsewhere > Some(self.last) => Some(1),
            since => since.map(|since| since + 1),
        };
        self.count = self.count.saturating_add(1);
        self.last_wait = wait.into();
        self.last = now;
    }

    /// Whether what is sent again at `seq` goes along with this: some systems send two segments
    /// each time that the timer runs out, and it does not run out again so soon.
    fn is_followed_by(&self, seq: u32, now: Moment) -> bool {
        let timer = self.last_wait() >= TIMER;
        timer && before(self.seq, seq) && now.since(self.last) < self.last_wait()
    }

    /// From the first time to the second.
    pub(crate) fn first_wait(&self) -> Duration {
        self.first_wait.into()
    }

    /// The wait before the last time.
    pub(crate) fn last_wait(&self) -> Duration {
        self.last_wait.into()
    }

    /// Whether it was a timer that ran out again and again: then its side heard nothing, wherever
    /// the capture was taken.
    pub(crate) fn backs_off(&self) -> bool {
        // A recording that is played again has waits too, and the same packet each time.
        let timeouts = self.doubled >= 1 || self.last_wait() >= TIMER && self.fresh;
        self.count >= 3 && !self.shrank && timeouts
    }

    /// Whether it was the same packet each time, with the same IP identification and with waits
    /// that never doubled: a recording that is played again, or a loop.
    pub(crate) fn is_replay(&self) -> bool {
        !self.fresh && self.doubled == 0
    }

    /// Whether the timer doubles no more: the last three waits were the same.
    pub(crate) fn is_steady(&self) -> bool {
        self.steady >= 2
    }

    /// Writes it down, or writes on.
    fn tell(&mut self, side: Side, log: &mut Log<'_>) {
        let what = What::Resending {
            what: self.what,
            count: self.count,
            first_wait: self.first_wait,
            last_wait: self.last_wait,
            acknowledged: false,
        };
        match log.episodes.by_id(self.told_in) {
            Some(episode) => {
                if episode.until < self.last {
                    episode.mark(self.last, None);
                }
                episode.until = self.last;
                episode.what = what;
            }
            None => {
                if let Some(What::Exchange { resent, .. }) = log.last() {
                    // It is told for itself.
                    *resent = resent.saturating_sub(self.count - 1);
                }
                let episode = log.push((self.first, self.last), side, what);
                episode.mark(self.first, None);
                if self.last > self.first {
                    episode.mark(self.last, None);
                }
                self.told_in = episode.reference();
            }
        }
    }
}

/// Whether one wait is about twice the other, as far as timers are exact.
fn is_double(wait: Duration, next: Duration) -> bool {
    let (wait, next) = (wait.as_nanos(), next.as_nanos());
    wait >= 100_000_000 && (wait * 17 / 10..=wait * 23 / 10).contains(&next)
}

/// Whether two waits are the same, as far as timers are exact.
fn is_alike(wait: Duration, next: Duration) -> bool {
    wait >= TIMER && wait.abs_diff(next) * 20 <= wait
}
