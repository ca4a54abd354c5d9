//! Silence while connecting: the SYN's retransmission (net/ipv4/tcp_timer.c, `tcp_write_timeout`).
//!
//! The first `tcp_syn_linear_timeouts` retransmissions are a second apart (Linux 6.5), then waits
//! double. connect() fails after `TCP_SYNCNT` more of them, or at the first firing past the user
//! timeout, but not before the second firing.

use super::case::{Case, RTO_INITIAL_MS};
use super::chain::Chain;
use super::retransmission::model_timeout_ms;
use super::snapshot::Timer;
use super::waits::Waits;
use crate::state::TcpState;
use crate::wheel::{Stretch, granularity};

impl Case<'_> {
    /// connect() is called at jiffy 0 and nobody answers.
    pub(super) fn connect(self) -> Stretch {
        let first = self.wheel.fire(Stretch::at(0), self.first_syn_wait());
        self.syn_chain(Stretch::at(0), 0).end_after(first).at
    }

    /// connect() was called before the snapshot's moment, jiffy 0.
    pub(super) fn connecting(self) -> Stretch {
        let sent_again = u64::from(self.snapshot.retransmits);
        let (_, running) = self.syns_over();
        let chain = self.syn_chain(self.connect_called(), sent_again);
        match self.fires(Timer::Retransmit, running) {
            Some(next) if sent_again == 0 => chain.end_after(next).at,
            Some(next) => chain.end_at_or_after(next).at,
            None => {
                let next = Stretch::between(0, running + granularity(running));
                chain.end_at_or_after(next).at
            }
        }
    }

    /// When connect() was called, seen from the snapshot's moment, jiffy 0.
    pub(super) fn connect_called(self) -> Stretch {
        if let Some(called) = self.clock_started() {
            return called;
        }
        let (firing, running) = self.syns_over();
        match self.expires(Timer::Retransmit) {
            Some(expires) => {
                let armed_ago = (running - expires).max(0);
                Stretch::between(-(firing.last + armed_ago), -(firing.first + armed_ago))
            }
            None => Stretch::between(
                -(firing.last + running + granularity(running)),
                -firing.first,
            ),
        }
    }

    /// When the last SYN was sent, counted from connect(), and the wait that has run since.
    fn syns_over(self) -> (Stretch, i64) {
        let sent_again = u64::from(self.snapshot.retransmits);
        let wheel = self.wheel.blurred();
        let mut waits = self.syn_waits();
        let mut running = self.first_syn_wait();
        let mut firing = Stretch::at(0);
        for _ in 0..sent_again.min(self.most_syn_retries()) {
            firing = wheel.fire(firing, running);
            running = waits.take().last;
        }
        (firing, running)
    }

    /// A connection request that a listener answered and nobody completes: SYN-ACKs with doubling
    /// waits (net/ipv4/inet_connection_sock.c, `reqsk_timer_handler`). The options are the
    /// listener's.
    ///
    /// Left out: `TCP_DEFER_ACCEPT`, and a listener whose queue is half full, which drops requests
    /// earlier.
    pub(super) fn half_accepted(self) -> Stretch {
        let sent_again = u64::from(self.snapshot.retransmits);
        let waits = |doublings: u64| {
            let first = Stretch::at(self.first_syn_wait() << doublings.min(20));
            Waits::doubling(first, Stretch::at(self.rto_max()))
        };
        let wait = waits(sent_again).take().last;
        let next = self
            .fires(Timer::Retransmit, wait)
            .unwrap_or(Stretch::between(0, wait + granularity(wait)));
        let end = |retries: u32| match u64::from(retries).checked_sub(sent_again) {
            None | Some(0) => next,
            Some(left) => {
                Chain::counting(self.wheel, waits(sent_again + 1), left)
                    .end_after(next)
                    .at
            }
        };
        let by_sysctl = end(self.synack_retries());
        match self.options.syncnt {
            None => by_sysctl,
            // Where it is the sysctl's value, it may be no value of the listener's own.
            Some(n) if n == self.sysctls.syn_retries => by_sysctl.or(end(n)),
            Some(n) => end(n),
        }
    }

    /// `tcp_synack_retries`; once more on a socket that TCP Fast Open has made already
    /// (`tcp_fastopen_synack_timer`).
    fn synack_retries(self) -> u32 {
        let fast_open = self.snapshot.state == TcpState::SynRecv;
        self.sysctls.synack_retries + u32::from(fast_open)
    }

    /// The clock that started with connect() at `start`, seen from the firing that follows
    /// `sent_again` retransmissions.
    fn syn_chain(self, start: Stretch, sent_again: u64) -> Chain {
        let retries = self.options.syncnt.unwrap_or(self.sysctls.syn_retries);
        let limit = match self.options.user_timeout_ms {
            Some(ms) => ms,
            None => model_timeout_ms(retries, self.rto_max_ms(), RTO_INITIAL_MS),
        };
        let mut waits = self.syn_waits();
        for _ in 0..sent_again {
            waits.take();
        }
        Chain::until(self.wheel, waits, start.plus(self.wheel.millis(limit)))
            .fuzzy()
            .clipped(self.cuts_waits)
            .at_most(self.most_syn_retries().saturating_sub(sent_again))
    }

    /// The waits after the first.
    fn syn_waits(self) -> Waits {
        let (first, cap) = (
            Stretch::at(self.first_syn_wait()),
            Stretch::at(self.rto_max()),
        );
        match self.sysctls.syn_linear_timeouts.unwrap_or(0) {
            0 => Waits::doubling(first.doubled(1), cap),
            linear => Waits::holding(u64::from(linear) - 1, first, cap),
        }
    }

    fn first_syn_wait(self) -> i64 {
        self.wheel.millis(RTO_INITIAL_MS).min(self.rto_max())
    }

    fn most_syn_retries(self) -> u64 {
        let retries = self.options.syncnt.unwrap_or(self.sysctls.syn_retries);
        u64::from(retries) + u64::from(self.sysctls.syn_linear_timeouts.unwrap_or(0))
    }
}
