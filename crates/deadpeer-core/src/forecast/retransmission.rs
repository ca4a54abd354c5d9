//! Silence with data in flight: the retransmission timer (net/ipv4/tcp_timer.c,
//! `tcp_retransmit_timer`).
//!
//! A tail-loss probe may come first, then the first retransmission timeout, here called T1. Nothing
//! dies before T1. From there waits double up to the largest RTO, and at each firing the connection
//! is dead if the time since T1 reached the user timeout, or without one what `tcp_retries2` stands
//! for (`retransmits_timed_out`): a time computed from a base of 200 ms, not a count.

use std::time::Duration;

use super::case::{Case, RTO_MIN_MS};
use super::chain::{Chain, End};
use super::snapshot::Timer;
use super::waits::Waits;
use crate::state::TcpState;
use crate::wheel::{Stretch, granularity};

/// The retransmissions of a thin stream that don't double (include/net/tcp.h,
/// `TCP_THIN_LINEAR_RETRIES`).
const THIN_LINEAR_RETRIES: u64 = 6;
/// A thin stream has fewer segments in flight (`tcp_stream_is_thin`).
const THIN_SEGMENTS: u32 = 4;
/// `TCP_TIMEOUT_MIN_US` (include/net/tcp.h).
pub(super) const TIMEOUT_MIN: Duration = Duration::from_millis(2);
/// A moment before any that counts, jiffies.
const LONG_AGO: i64 = -(1 << 40);

impl Case<'_> {
    /// A segment is sent at jiffy 0 to a peer that is gone.
    pub(super) fn new_data(self) -> Stretch {
        self.end_after_first_timeout(self.first_timeout())
    }

    /// A segment is in flight at the snapshot's moment, jiffy 0, and the peer is gone.
    pub(super) fn data_in_flight(self) -> Stretch {
        if self.snapshot.retransmits > 0 {
            return self.after_first_timeout();
        }
        let first = self.pending_first_timeout();
        match self.clock_started().or(self.clock_paced(first)) {
            // By fast retransmission, say.
            Some(started) => self.end_by(self.rto, THIN_LINEAR_RETRIES, |waits| {
                self.end(started, waits, |chain| chain.end_after(first))
            }),
            None => self.end_after_first_timeout(first),
        }
    }

    /// When a clock starts that T1 starts, or started, at the earliest and at the latest, where
    /// pacing may put it off.
    fn clock_paced(self, first: Stretch) -> Option<Stretch> {
        let ahead = self.stamped_ahead()?;
        let earliest = match self.snapshot.sent_again_before {
            true => LONG_AGO,
            false => first.first,
        };
        Some(Stretch::between(earliest, first.last + ahead))
    }

    /// Less than a jiffy puts nothing off.
    fn stamped_ahead(self) -> Option<i64> {
        let ahead = self.snapshot.stamped_ahead?;
        (ahead >= self.wheel.time(1)).then(|| self.wheel.jiffies(ahead))
    }

    /// When the clock started that runs, or will have, where that is known.
    pub(super) fn clock_started(self) -> Option<Stretch> {
        if let Some(ahead) = self.snapshot.clock_starts_in {
            let at = self.wheel.jiffies(ahead);
            return Some(Stretch::between(at - 1, at));
        }
        // Whole jiffies: most clocks are started by a timer, at the beginning of one.
        let ago = self.snapshot.clock_started_ago? + Duration::from_micros(1);
        Some(Stretch::at(self.ago(ago) + 1))
    }

    /// T1 of a segment sent at jiffy 0.
    fn first_timeout(self) -> Stretch {
        let plain = self.earliest_first_timeout();
        let probe = self.wheel.fire_any(Stretch::at(0), self.tail_loss_wait());
        let probed = self.wheel.fire_any(probe, self.rto);
        match self.tail_loss_probe() {
            Some(true) => probed,
            Some(false) => plain,
            None => plain.or(probed),
        }
    }

    /// T1 of a segment sent at jiffy 0 that no tail-loss probe follows.
    pub(super) fn earliest_first_timeout(self) -> Stretch {
        self.wheel.fire_any(Stretch::at(0), self.rto)
    }

    /// T1 of a segment that is in flight already.
    ///
    /// sock_diag shows the tail-loss probe's timer and the timeout's alike.
    fn pending_first_timeout(self) -> Stretch {
        // Armed before the largest RTO was lowered, it still runs to the end.
        let running = self.current_rto();
        let (Some(expires), Some(plain)) = (
            self.expires(Timer::Retransmit),
            self.fires(Timer::Retransmit, running),
        ) else {
            let latest = self.first_timeout().last;
            let paced = self.stamped_ahead().unwrap_or(0);
            return Stretch::between(0, latest.max(running + granularity(running)) + 2 * paced);
        };
        let told = self.snapshot.tail_loss_probe_sent;
        if let (Some(ahead), None | Some(true)) = (self.stamped_ahead(), self.tail_loss_probe()) {
            // It may be the probe's timer, put off as that of the timeout after it.
            let put_off = Stretch::between(self.rto.first, self.rto.last + ahead);
            let probed = self.wheel.fire_any(plain, put_off.at_most(self.rto_max()));
            return match told {
                Some(true) => plain,
                Some(false) | None => plain.or(probed),
            };
        }
        let probe_wait = self.tail_loss_wait();
        if self.tail_loss_probe() == Some(false) || expires > probe_wait.last {
            return plain;
        }
        let probe = self
            .fires(Timer::Retransmit, probe_wait.last)
            .unwrap_or(plain);
        let probed = self.wheel.fire_any(probe, self.rto);
        let sent = told.or_else(|| self.tail_loss_probe_sent(expires));
        match (self.tail_loss_probe(), sent) {
            (_, Some(true)) => plain,
            (Some(true), Some(false)) if told.is_some() => probed,
            // The timer of a probe may send none, where one before was answered: then the RTO
            // counts from the segment (`tcp_send_loss_probe`).
            (Some(true), Some(false)) => {
                let rest = self.rto.first - probe_wait.last - granularity(probe_wait.last);
                let rest = Stretch::between(rest.max(1), self.rto.last - probe_wait.first);
                self.wheel.fire_any(probe, rest).or(probed)
            }
            _ => plain.or(probed),
        }
    }

    /// From T1 to the end.
    fn end_after_first_timeout(self, first: Stretch) -> Stretch {
        self.end_by(self.rto, THIN_LINEAR_RETRIES, |waits| {
            self.end_by_waits(first, waits)
        })
    }

    /// From T1 to the end, with these waits.
    fn end_by_waits(self, first: Stretch, waits: Waits) -> Stretch {
        if self.snapshot.sent_again_before {
            let started = Stretch::between(LONG_AGO, first.last);
            return self.end(started, waits, |chain| chain.end_after(first));
        }
        if first.is_exact() {
            return self.end(first, waits, |chain| chain.end_after(first));
        }
        let zero = Stretch::at(0);
        first.then(
            self.blurred()
                .end(zero, waits, |chain| chain.end_after(zero)),
        )
    }

    /// The end, where T1 is over.
    fn after_first_timeout(self) -> Stretch {
        let wait = self.current_rto();
        let started = self
            .clock_started()
            .unwrap_or_else(|| self.first_timeout_past());
        let told = self.fires_by_level(Timer::Retransmit);
        let next = match self.expires(Timer::Retransmit).filter(|_| told.is_none()) {
            // The wait is the RTO, unless a user timeout cut it or a doubling was undone while it
            // ran.
            Some(expires) if !self.may_be_cut(expires, started) && !self.is_doubling_undone() => {
                let armed = wait.max(expires);
                self.wheel.pending(expires, armed, armed)
            }
            Some(_) | None => self
                .fires(Timer::Retransmit, wait)
                .unwrap_or(Stretch::between(0, wait + granularity(wait))),
        };
        let linear = THIN_LINEAR_RETRIES.saturating_sub(u64::from(self.snapshot.retransmits));
        let wait = Stretch::at(wait);
        self.end_by(wait, linear, |waits| {
            self.end(started, waits, |chain| {
                chain.having_waited(wait).end_at_or_after(next)
            })
        })
    }

    /// When T1 was, or the clock started before it.
    fn first_timeout_past(self) -> Stretch {
        let first = match self.snapshot.first_timeout_ago {
            Some(ago) => Stretch::at(self.ago(ago)),
            None => self.estimated_first_timeout(),
        };
        let earliest = match self.snapshot.sent_again_before || self.goes_on_from_before(first) {
            true => LONG_AGO,
            false => first.first,
        };
        Stretch::between(earliest, first.last + self.stamped_ahead().unwrap_or(0))
    }

    /// Whether T1 may belong to the recovery of an earlier run, whose clock goes on until all is
    /// acknowledged that was in flight when it began (net/ipv4/tcp_input.c,
    /// `tcp_fastretrans_alert`). Each acknowledgement of a part arms the timer again, so T1 came
    /// one RTO after the last.
    fn goes_on_from_before(self, first: Stretch) -> bool {
        let snapshot = self.snapshot;
        let Some(heard_ago) = snapshot.heard_ago.filter(|_| snapshot.timed_out_before) else {
            return snapshot.timed_out_before;
        };
        let doubled_alone = self.is_thin() == Some(false) && !self.is_doubling_undone();
        if !doubled_alone {
            // The RTO of then may have been longer than that of now, and cut since.
            return true;
        }
        let wait = match self.uncut_base() {
            Some(_) => self.current_rto() >> snapshot.retransmits.min(31),
            None => self.current_rto().max(self.rto_max()),
        };
        let wait = wait + self.stamped_ahead().unwrap_or(0);
        first.first <= self.ago(heard_ago) + wait + granularity(wait) + 1
    }

    /// Whether the user timeout may have cut the wait that runs: it then ends where the user
    /// timeout does.
    fn may_be_cut(self, expires: i64, started: Stretch) -> bool {
        let limit = self.options.user_timeout_ms.map(|ms| self.wheel.millis(ms));
        limit.is_some_and(|limit| expires >= started.first.saturating_add(limit) - 3)
    }

    /// The end of a clock that T1 starts at jiffy 0.
    pub(super) fn end_since_first_timeout(self) -> End {
        let waits = Waits::doubling(self.rto.doubled(1), Stretch::at(self.rto_max()));
        self.clock(0, waits).end_after(Stretch::at(0))
    }

    /// The end by the waits that follow one of `rto` jiffies: doubled, or, of a thin stream,
    /// `linear` equal ones first.
    fn end_by(self, rto: Stretch, linear: u64, end: impl Fn(Waits) -> Stretch) -> Stretch {
        let cap = Stretch::at(self.rto_max());
        let doubling = || end(Waits::doubling(rto.doubled(1), cap));
        let thin = || match self.last_measured_rto() {
            Some(base) => end(Waits::holding(linear - 1, base, cap)),
            // Whatever the waits are, the first firing after the limit is no further than the
            // longest.
            None => {
                let soonest = end(Waits::constant(Stretch::at(1)));
                soonest.or(soonest.plus(cap.last + granularity(cap.last)))
            }
        };
        match self.is_thin() {
            Some(true) if linear > 0 => thin(),
            None if linear > 0 => thin().or(doubling()),
            _ => doubling(),
        }
    }

    /// Whether timeouts in the present state don't double at first (`tcp_stream_is_thin`). The
    /// initial slow start, in which they do, ends with the first timeout under most congestion
    /// controls, but not under BBR.
    fn is_thin(self) -> Option<bool> {
        let on = self.options.thin_linear_timeouts || self.sysctls.thin_linear_timeouts;
        // What a rule asks about a write in another state is asked of an open connection.
        let open = !matches!(
            self.snapshot.state,
            TcpState::CloseWait | TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck
        );
        if !on || !open || self.orphan {
            return Some(false);
        }
        let few = self.snapshot.segments_in_flight? < THIN_SEGMENTS;
        match self.snapshot.initial_slow_start {
            Some(true) if self.snapshot.retransmits > 0 => Some(false),
            Some(false) => Some(few),
            Some(true) | None if few => None,
            Some(true) | None => Some(false),
        }
    }

    /// The RTO that the last valid measurement gave, where the doublings tell it (`__tcp_set_rto`).
    fn last_measured_rto(self) -> Option<Stretch> {
        if self.snapshot.rto.is_none() {
            Some(self.rto)
        } else if self.snapshot.backoff == 0 {
            Some(Stretch::at(self.current_rto().min(self.rto_max())))
        } else {
            self.uncut_base().map(Stretch::at)
        }
    }

    /// The end of the clock that runs since `started`: it comes no sooner for an earlier start.
    fn end(self, started: Stretch, waits: Waits, follow: impl Fn(Chain) -> End) -> Stretch {
        let from = |start: i64| follow(self.clock(start, waits)).at;
        if started.is_exact() {
            from(started.first)
        } else {
            Stretch::between(from(started.first).first, from(started.last).last)
        }
    }

    /// The clock that runs since jiffy `start`.
    fn clock(self, start: i64, waits: Waits) -> Chain {
        let user_timeout = self.options.user_timeout_ms;
        let limit = self
            .wheel
            .millis(user_timeout.unwrap_or_else(|| self.retries_ms()));
        Chain::until(self.wheel, waits, Stretch::at(start.saturating_add(limit)))
            .fuzzy()
            .clipped(self.cuts_waits)
            .ending_with(self.longest_retransmission_wait())
    }

    /// Whether the waits of this run were not simply doubled: ICMP errors undid some of it (RFC
    /// 6069).
    fn is_doubling_undone(self) -> bool {
        let (doublings, timeouts) = (self.snapshot.backoff, self.snapshot.retransmits);
        let linear = THIN_LINEAR_RETRIES.min(timeouts.into());
        let thin = self.is_thin() == Some(true) && u64::from(doublings) + linear == timeouts.into();
        doublings < timeouts && !thin
    }

    /// T1 where nothing tells it: all waits since are over but the one that runs.
    ///
    /// The waits doubled from an RTO of which only the doublings in force tell. They don't where
    /// the RTO is cut to its maximum, and not where a doubling was undone (RFC 6069): then every
    /// RTO that is possible is taken.
    pub(super) fn estimated_first_timeout(self) -> Stretch {
        let snapshot = self.snapshot;
        let rto = self.current_rto();
        let over = snapshot.retransmits.clamp(1, 1000) - 1;
        // How long the waits before the one that runs were, the last of them first.
        let sum = |halved: &dyn Fn(u32) -> i64| {
            let longest = |sum, n| self.wheel.blurred().fire(sum, halved(n));
            (1..=over).fold(Stretch::at(0), longest)
        };
        let (shortest, longest) = if self.is_doubling_undone() {
            (0, sum(&|_| rto.max(self.rto_max())).last)
        } else if let Some(base) = self.uncut_base() {
            let sum = sum(&|n| base << snapshot.backoff.saturating_sub(n).min(31));
            (sum.first, sum.last)
        } else {
            let least = self.least_base();
            let shortest = sum(&|n| (least << snapshot.backoff.saturating_sub(n).min(31)).min(rto));
            (shortest.first, sum(&|_| rto).last)
        };
        let running = self.running_since(rto);
        let earliest = running.first - longest;
        let earliest = match snapshot.first_timeout_within {
            Some(ago) => earliest.max(self.ago(ago) - 1),
            None => earliest,
        };
        Stretch::between(earliest, running.last - shortest)
    }

    /// When the wait of `rto` jiffies that runs began.
    fn running_since(self, rto: i64) -> Stretch {
        // A user timeout may have cut it.
        let cut = self.options.user_timeout_ms.is_some();
        match self.expires(Timer::Retransmit) {
            // What is overdue waits for its slot of the wheel, and shows 0.
            Some(expires) if !cut && (1..=rto).contains(&expires) => {
                Stretch::between(expires - rto - 1, expires - rto + 1)
            }
            _ => Stretch::between(-(rto + granularity(rto)), 1),
        }
    }

    /// Whether a tail-loss probe precedes T1 (net/ipv4/tcp_output.c, `tcp_schedule_loss_probe`).
    fn tail_loss_probe(self) -> Option<bool> {
        if matches!(self.sysctls.early_retrans, 3 | 4) {
            self.snapshot.tail_loss_probe
        } else {
            Some(false)
        }
    }

    /// Whether the armed timer is no longer that of a tail-loss probe, where what it was armed for
    /// when the one segment in flight was sent tells it. A FIN beside that segment counts for
    /// nothing, its sending is not noted.
    fn tail_loss_probe_sent(self, expires: i64) -> Option<bool> {
        let snapshot = self.snapshot;
        let fin = u32::from(!snapshot.state.may_send());
        let sent_ago = snapshot.sent_ago?;
        let (probe, rto) = (self.tail_loss_wait().last, self.rto.first);
        if snapshot.segments_in_flight? > 1 + fin || rto <= probe + 3 {
            return None;
        }
        let is_for = |wait| (expires + self.wheel.jiffies(sent_ago)).abs_diff(wait) <= 1;
        // An acknowledgement of something older would have armed the probe's timer again.
        let undisturbed = snapshot.heard_ago > Some(sent_ago) && fin == 0;
        is_for(probe)
            .then_some(false)
            .or((is_for(rto) && undisturbed).then_some(true))
    }

    /// How long a tail-loss probe waits: two round trips and, for a lone segment, the minimal RTO
    /// (`tcp_schedule_loss_probe`); never longer than the RTO.
    fn tail_loss_wait(self) -> Stretch {
        let Some(srtt) = self.snapshot.srtt else {
            return self.rto;
        };
        let more = match self.snapshot.segments_in_flight {
            Some(2..) => TIMEOUT_MIN,
            Some(_) | None => self.rto_min(),
        };
        self.rto.at_most(self.wheel.jiffies(srtt * 2 + more))
    }

    /// What `tcp_retries2`, or the orphans' limit, stands for, milliseconds.
    fn retries_ms(self) -> u32 {
        let retries = if self.orphan {
            self.orphan_retries()
        } else {
            self.sysctls.retries2
        };
        model_timeout_ms(retries, self.rto_max_ms(), RTO_MIN_MS)
    }
}

/// The time that `retries` doublings from `base_ms` up to `rto_max_ms` take, milliseconds.
///
/// Source: net/ipv4/tcp_timer.c, `tcp_model_timeout`.
#[must_use]
pub fn model_timeout_ms(retries: u32, rto_max_ms: u32, base_ms: u32) -> u32 {
    let base_ms = base_ms.max(1);
    let doublings = (rto_max_ms / base_ms).max(1).ilog2();
    let doubling = |n: u32| ((2_u64 << n) - 1) * u64::from(base_ms);
    let ms = if retries <= doublings {
        doubling(retries)
    } else {
        doubling(doublings) + u64::from(retries - doublings) * u64::from(rto_max_ms)
    };
    u32::try_from(ms).unwrap_or(u32::MAX)
}
