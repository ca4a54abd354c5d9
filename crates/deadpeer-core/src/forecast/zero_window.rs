//! Silence behind a closed window: the window probe timer (net/ipv4/tcp_timer.c,
//! `tcp_probe_timer`).
//!
//! Probes go out with doubling waits. With a user timeout the connection is dead at the first
//! firing that long after the first probe, also if the peer answered every one. It is dead as well
//! when `tcp_retries2` probes in a row went unanswered; an answer takes the count back to 0, but
//! not the doublings: who vanishes after a long closed window is noticed late. But Linux answers no
//! two probes within half a second, and the second may follow the first sooner: so few retries end
//! a connection whose peer lives.
//!
//! Left out: a receiver that takes back window it had granted (RFC 9293, section 3.8.6, discourages
//! it).

use super::case::{Case, RTO_MIN_MS};
use super::chain::Chain;
use super::snapshot::Timer;
use super::waits::Waits;
use crate::wheel::{Stretch, granularity};

/// Waits double no more than this often (`tcp_probe0_when`: log2(120 s / 200 ms) + 1).
const MOST_DOUBLINGS: u32 = 10;
/// What comes sooner after a probe that was answered is not (net/ipv4/tcp_input.c,
/// `tcp_oow_rate_limited`; the default of `tcp_invalid_ratelimit`), milliseconds.
const ANSWERED_APART_MS: u32 = 500;

impl Case<'_> {
    /// The peer vanishes at the worst moment: just after its window closed, or just after it
    /// answered a probe at the widest spacing.
    pub(super) fn closed_window_worst(self) -> Stretch {
        let case = self.blurred();
        let first = case.wheel.fire_any(Stretch::at(0), case.first_wait());
        let just_closed =
            case.clock_not_started(first, |chain| chain.at_most(case.sysctls.retries2.into()));
        let probes = u64::from(case.sysctls.retries2) + 1;
        let widest = case.doubled(case.sysctls.retries2);
        let long_closed = match case.user_timeout() {
            Some(limit) => {
                // Answered or not, it ends who probes for longer: a wait that begins before is not
                // much longer, for all before it together are as long.
                let second = case.first_wait().doubled(1).last;
                let widest = Waits::constant(widest.at_most(limit.saturating_add(second)));
                Chain::until(case.wheel, widest, Stretch::at(limit))
                    .clipped(case.cuts_waits)
                    .at_most(probes)
            }
            None => Chain::counting(case.wheel, Waits::constant(widest), probes),
        };
        just_closed.later_of(long_closed.end_after(Stretch::at(0)).at)
    }

    /// The peer vanishes at the snapshot's moment, jiffy 0, with its window closed and data
    /// waiting.
    pub(super) fn closed_window_now(self) -> Stretch {
        let snapshot = self.snapshot;
        let wait = self.doubled(snapshot.backoff);
        let told = self.fires_by_level(Timer::ZeroWindowProbe);
        let next = match self
            .expires(Timer::ZeroWindowProbe)
            .filter(|_| told.is_none())
        {
            // Each probe and each answer arms the whole wait (`tcp_ack_probe`), which only a user
            // timeout cuts.
            Some(expires) if self.options.user_timeout_ms.is_none() && wait.is_exact() => {
                let armed = wait.last.max(expires);
                self.wheel.pending(expires, armed, armed)
            }
            _ => self
                .fires(Timer::ZeroWindowProbe, wait.last)
                .unwrap_or(Stretch::between(0, wait.last + granularity(wait.last))),
        };
        let bounded = |chain: Chain| {
            let (retries, longest) = if self.orphan {
                let longest = self.longest_probe_wait(snapshot.backoff);
                (self.orphan_retries(), longest)
            } else {
                (self.sysctls.retries2, None)
            };
            chain
                .at_most(retries.saturating_sub(snapshot.probes_out).into())
                .ending_with(longest)
                .having_waited(wait)
        };
        let started = snapshot.window_probed_ago.map(|ago| self.ago(ago));
        if started.is_none() && snapshot.backoff == 0 && snapshot.probes_out == 0 {
            return self.clock_not_started(next, bounded);
        }
        let waits = self.waits_after(snapshot.backoff);
        let chain = match (self.user_timeout(), started) {
            (Some(limit), Some(started)) => {
                Chain::until(self.wheel, waits, Stretch::at(started + limit))
                    .clipped(self.cuts_waits)
            }
            // Where nothing shows when the clock started, it had to run for the waits that are
            // over, unless doublings of timeouts before are still in force: then it may only start.
            (Some(limit), None) => {
                let over: i64 = (1..snapshot.backoff).map(|n| self.doubled(n).first).sum();
                let latest = if snapshot.tail_loss_probe_sent == Some(false) {
                    limit - over
                } else {
                    next.last + limit
                };
                let limit = Stretch::between(0, latest.max(0));
                Chain::until(self.wheel, waits, limit).clipped(self.cuts_waits)
            }
            (None, _) => Chain::counting(self.wheel, waits, u64::MAX),
        };
        bounded(chain).end_at_or_after(next).at
    }

    /// A live peer that keeps its window closed is killed, counted from the moment the window
    /// closed; `None`: never.
    pub(super) fn slow_reader_killed(self) -> Option<Stretch> {
        let case = self.blurred();
        let by_user_timeout = self.user_timeout().map(|limit| {
            case.killed(|case| {
                let chain = Chain::until(case.wheel, case.waits_after(0), Stretch::at(limit));
                chain.clipped(self.cuts_waits).end_after(Stretch::at(0)).at
            })
        });
        let by_retries = case.probed_too_hastily(self.sysctls.retries2);
        let ends = [by_user_timeout, by_retries].into_iter().flatten();
        ends.reduce(Stretch::or)
    }

    /// The same where so many unanswered probes in a row end a connection, as far as that ends one
    /// whose peer answers as often as Linux does.
    pub(super) fn probed_too_hastily(self, retries: u32) -> Option<Stretch> {
        if retries == 0 {
            return Some(self.killed(|_| Stretch::at(0)));
        }
        // The waits that follow the first probe, which is answered, as multiples of the one before.
        let waits = (1..=retries).map(|n| 1_i64 << n.min(self.most_doublings()));
        let waits = waits.sum::<i64>();
        let left = self.wheel.millis(ANSWERED_APART_MS) - 1 - i64::from(retries);
        let hasty = left / waits;
        let is_hasty = self.first_wait().first <= hasty;
        is_hasty.then(|| {
            self.with_rto(self.rto.at_most(hasty)).killed(|case| {
                let chain =
                    Chain::counting(case.wheel, case.waits_after(0), u64::from(retries) + 1);
                let end = chain.end_after(Stretch::at(0)).at;
                let longest = case.doubled(retries).last;
                let rounded_up = granularity(longest);
                if case.first_wait().last * waits + rounded_up * i64::from(retries) <= left {
                    return end;
                }
                // Rounded up, the last of them may be answered after all. It then takes as many
                // again, which begin where the wheel turns and are not rounded up like that.
                let again = i64::from(retries) * (longest + rounded_up);
                Stretch::between(end.first, end.last + again)
            })
        })
    }

    /// When a connection of any of these RTOs is over that ends so long after the first probe was
    /// due.
    fn killed(self, after_first: impl Fn(Self) -> Stretch) -> Stretch {
        let killed = |case: Self| {
            let first = case.wheel.fire_any(Stretch::at(0), case.first_wait());
            first.then(after_first(case))
        };
        Stretch::between(self.earliest(killed).first, self.latest(killed).last)
    }

    /// The first probe goes out at the firing `first` and starts the user timeout's clock;
    /// `bounded` adds what else ends it.
    fn clock_not_started(self, first: Stretch, bounded: impl Fn(Chain) -> Chain) -> Stretch {
        let waits = self.waits_after(0);
        let chain = |start: Stretch, wheel| {
            bounded(match self.user_timeout() {
                Some(limit) => {
                    Chain::until(wheel, waits, start.plus(limit)).clipped(self.cuts_waits)
                }
                None => Chain::counting(wheel, waits, u64::MAX),
            })
        };
        if first.is_exact() {
            chain(first, self.wheel).end_at_or_after(first).at
        } else {
            let zero = Stretch::at(0);
            first.then(chain(zero, self.wheel.blurred()).end_at_or_after(zero).at)
        }
    }

    /// The waits that follow a firing at `backoff` doublings.
    pub(super) fn waits_after(self, backoff: u32) -> Waits {
        Waits::doubling(
            self.doubled(backoff + 1),
            self.doubled(self.sysctls.retries2),
        )
    }

    /// The wait at `backoff` doublings; there are no more of them than `tcp_retries2`
    /// (`tcp_send_probe0`).
    pub(super) fn doubled(self, backoff: u32) -> Stretch {
        let doublings = backoff.min(self.most_doublings());
        self.first_wait().doubled(doublings).at_most(self.rto_max())
    }

    pub(super) fn most_doublings(self) -> u32 {
        self.sysctls.retries2.min(MOST_DOUBLINGS)
    }

    fn first_wait(self) -> Stretch {
        self.rto.at_least(self.wheel.millis(RTO_MIN_MS))
    }

    pub(super) fn user_timeout(self) -> Option<i64> {
        self.options.user_timeout_ms.map(|ms| self.wheel.millis(ms))
    }
}
