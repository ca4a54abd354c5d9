//! After close(): the kernel finishes alone, and not for ever (net/ipv4/tcp_timer.c,
//! `tcp_write_timeout`, `tcp_probe_timer`, `tcp_orphan_retries`).
//!
//! A connection without a descriptor is an orphan. `tcp_orphan_retries` takes the place of
//! `tcp_retries2`, 0 standing for 8; but once the RTO has reached its cap, 0 stands for 0: the next
//! firing ends it. A small `TCP_RTO_MAX_MS`, which is reached after a few doublings, so makes
//! orphans short-lived. A user timeout counts for orphans as it does before close().
//!
//! Left out: ICMP errors, after which `tcp_orphan_retries` is 0 at the cap whatever it says;
//! orphans killed for want of memory or because there are more than `tcp_max_orphans` of them;
//! SO_LINGER.

use std::time::Duration;

use super::case::Case;
use super::chain::{Chain, Longest};
use super::notice::{Notice, Span};
use crate::wheel::{Stretch, Wheel};

/// What 0 retries of an orphan stand for while its RTO is below the cap (`tcp_orphan_retries`).
const ORPHAN_RETRIES_OF_ZERO: u32 = 8;

/// What becomes of a connection that the program closes, and of what it wrote just before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AfterClose {
    /// What was written just before close() arrives though the path breaks at that moment, if it
    /// mends within this time. Unless a router reports the break (ICMP), which can make it less.
    #[doc(alias = "tcp_orphan_retries")]
    pub outage_survived: Duration,
    /// When a live peer that reads nothing, its window closed, loses what was written, counted from
    /// the moment its window closed.
    pub slow_reader: Notice,
    /// How long the kernel keeps the connection at most when the peer is gone: in FIN_WAIT1,
    /// LAST_ACK or FIN_WAIT2, without a program that it belongs to.
    #[doc(alias = "tcp_fin_timeout")]
    pub kept: Duration,
}

impl AfterClose {
    /// Two answers of which one holds.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            outage_survived: self.outage_survived.min(other.outage_survived),
            slow_reader: self.slow_reader.or(other.slow_reader),
            kept: self.kept.max(other.kept),
        }
    }
}

/// The same in jiffies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    last_sent: Stretch,
    slow_reader: Option<Stretch>,
    kept: Stretch,
}

impl Ends {
    pub(super) fn told(self, wheel: Wheel) -> AfterClose {
        let span = |at| Span::of(at, wheel);
        AfterClose {
            outage_survived: span(self.last_sent).earliest,
            slow_reader: self
                .slow_reader
                .map_or(Notice::Never, |at| Notice::Within(span(at))),
            kept: span(self.kept).latest,
        }
    }
}

impl Case<'_> {
    /// close() at jiffy 0, with data just written.
    pub(super) fn after_close(self) -> Ends {
        let case = Self {
            orphan: true,
            disturbed: false,
            ..self.blurred()
        };
        Ends {
            last_sent: case.earliest(|case| case.last_sent_by_orphan()),
            slow_reader: case.orphan_drops_slow_reader(),
            kept: case.latest(|case| case.orphan_kept()),
        }
    }

    /// What an orphan's retransmissions are counted against.
    pub(super) fn orphan_retries(self) -> u32 {
        match self.sysctls.orphan_retries {
            0 => ORPHAN_RETRIES_OF_ZERO,
            n => n,
        }
    }

    /// The wait after which an orphan is given up: with no retries surely, with some after an ICMP
    /// error. A user timeout leaves the retries without a part.
    pub(super) fn longest_retransmission_wait(self) -> Option<Longest> {
        let no_retries = self.sysctls.orphan_retries == 0;
        let ends = self.orphan && (no_retries || self.disturbed);
        (ends && self.options.user_timeout_ms.is_none()).then_some(Longest {
            wait: self.rto_max(),
            not_before: 0,
            surely: no_retries || self.disturbed && self.snapshot.icmp_error == Some(true),
        })
    }

    /// The last retransmission of a segment that was sent at jiffy 0, the peer being gone.
    fn last_sent_by_orphan(self) -> Stretch {
        let since_first = self.end_since_first_timeout().before;
        self.earliest_first_timeout().then(since_first)
    }

    /// The end of the orphan, whatever the peer acknowledged before it was gone.
    fn orphan_kept(self) -> Stretch {
        let unanswered = |backoff| self.orphan_probes(backoff, u64::from(self.orphan_retries()));
        let closed_window = (0..=self.most_doublings())
            .map(unanswered)
            .reduce(Stretch::later_of);
        self.new_data()
            .later_of(closed_window.unwrap_or(Stretch::at(0)))
            .later_of(self.orphan_waits_for_fin())
    }

    /// When a live peer that does not read is given up; `None`: never.
    fn orphan_drops_slow_reader(self) -> Option<Stretch> {
        let ends = [
            self.orphan_drops_who_answers(),
            self.probed_too_hastily(self.orphan_retries()),
        ];
        ends.into_iter().flatten().reduce(Stretch::or)
    }

    /// The same if each of its probes is answered.
    fn orphan_drops_who_answers(self) -> Option<Stretch> {
        let dropped = |case: Self| case.orphan_probes(0, u64::MAX);
        if self.options.user_timeout_ms.is_some() {
            return Some(Stretch::between(
                self.earliest(dropped).first,
                self.latest(dropped).last,
            ));
        }
        // With an RTO from which the cap is reached after one doubling less the end jumps: the
        // first and the last of all are found next to these jumps.
        let jumps = (0..=self.most_doublings())
            .map(|doublings| ((self.rto_max() - 1) >> doublings) + 1)
            .flat_map(|rto| [rto - 1, rto])
            .filter(|rto| self.rto.first < *rto && *rto < self.rto.last);
        [self.rto.first, self.rto.last]
            .into_iter()
            .chain(jumps)
            .map(|rto| self.with_rto(Stretch::at(rto)))
            .filter(|case| case.probes_reach_cap())
            .map(dropped)
            .reduce(Stretch::or)
    }

    /// Whether the waits between answered probes come to the point where an orphan has no retries
    /// left.
    fn probes_reach_cap(self) -> bool {
        let widest = self.doubled(self.sysctls.retries2);
        self.longest_probe_wait(0).is_some() && widest.last >= self.rto_max()
    }

    /// The end of an orphan with a closed window whose probe was answered with `backoff` doublings
    /// in force, at jiffy 0.
    fn orphan_probes(self, backoff: u32, most_probes: u64) -> Stretch {
        let wait = match self.user_timeout() {
            // Once the first probe is out no wait is longer than what is left.
            Some(limit) if backoff > 0 && self.cuts_waits => self.doubled(backoff).at_most(limit),
            _ => self.doubled(backoff),
        };
        let waits = self.waits_after(backoff);
        let chain = match self.user_timeout() {
            // The first probe, which starts the clock, is the next one or was before.
            Some(limit) if backoff == 0 => Chain::until(self.wheel, waits, Stretch::at(limit)),
            Some(limit) => {
                let left = (limit - wait.first).max(0);
                Chain::until(self.wheel, waits, Stretch::between(0, left))
            }
            None => Chain::counting(self.wheel, waits, u64::MAX),
        };
        let end = chain
            .clipped(self.cuts_waits)
            .at_most(most_probes)
            .ending_with(self.longest_probe_wait(backoff))
            .having_waited(wait)
            .end_at_or_after(Stretch::at(0));
        self.wheel.fire_any(Stretch::at(0), wait).then(end.at)
    }

    /// The wait before a probe at which an orphan is given up though it is answered: the cap, with
    /// as many doublings as it has retries.
    pub(super) fn longest_probe_wait(self, backoff: u32) -> Option<Longest> {
        let retries = self.sysctls.orphan_retries;
        (retries <= self.sysctls.retries2).then_some(Longest {
            wait: self.rto_max(),
            not_before: u64::from(retries.saturating_sub(backoff)),
            surely: true,
        })
    }
}
