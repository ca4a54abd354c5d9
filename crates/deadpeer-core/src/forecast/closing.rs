//! Silence after our FIN (net/ipv4/tcp.c, `__tcp_close`; net/ipv4/tcp_timer.c,
//! `tcp_keepalive_timer`).
//!
//! Until the FIN is acknowledged it is data in flight. Then the connection waits for the peer's
//! FIN: with the descriptor kept only keepalive can end that; without, `tcp_fin_timeout` does.

use super::case::Case;
use super::snapshot::Timer;
use crate::state::TcpState;
use crate::wheel::{Stretch, granularity};

/// `TCP_TIMEWAIT_LEN` (include/net/tcp.h), seconds.
const TIME_WAIT_S: u32 = 60;

impl Case<'_> {
    /// The end from the snapshot's moment, jiffy 0, in a state after our FIN; `None`: never.
    pub(super) fn closing_now(self) -> Option<Stretch> {
        let snapshot = self.snapshot;
        if snapshot.state == TcpState::TimeWait {
            Some(self.waiting_out(
                Timer::TimeWait,
                Stretch::at(self.wheel.seconds(TIME_WAIT_S)),
            ))
        } else if snapshot.state != TcpState::FinWait2 && self.probes_window() {
            Some(self.closed_window_now())
        } else if snapshot.state != TcpState::FinWait2 {
            Some(self.data_in_flight())
        } else if self.orphan {
            Some(self.orphan_waits_for_fin())
        } else {
            self.idle_now().map(|verdict| verdict.at)
        }
    }

    /// Whether data and our FIN wait behind a closed window.
    pub(super) fn probes_window(self) -> bool {
        let snapshot = self.snapshot;
        let armed = snapshot.armed.map(|armed| armed.timer);
        armed == Some(Timer::ZeroWindowProbe)
            || armed.is_none()
                && snapshot.unsent
                && !snapshot.in_flight
                && snapshot.zero_window != Some(false)
    }

    /// What exceeds TIME_WAIT's minute is waited for on the keepalive timer, and then once more in
    /// TIME_WAIT.
    pub(super) fn orphan_waits_for_fin(self) -> Stretch {
        let minute = self.wheel.seconds(TIME_WAIT_S);
        let whole = self.fin_timeout();
        let beyond = whole.plus(-minute);
        let armed = self.snapshot.armed.map(|armed| armed.timer);
        if armed == Some(Timer::TimeWait) {
            return self.waiting_out(Timer::TimeWait, Stretch::at(minute));
        }
        if beyond.last <= 0 && armed == Some(Timer::Keepalive) {
            // TCP_LINGER2 is longer than a minute; the kernel takes up to two.
            let first = self.waiting_out(Timer::Keepalive, Stretch::at(minute));
            return first.then(Stretch::between(0, minute + granularity(minute) + 1));
        }
        if beyond.last <= 0 {
            return self.waiting_out(Timer::TimeWait, whole);
        }
        let beyond = beyond.at_least(1);
        // What is left of the connection by then waits for 3.5 RTO at least
        // (net/ipv4/tcp_minisocks.c, `tcp_time_wait`).
        let again = beyond.greater_of(self.some_timeouts());
        let first = self.waiting_out(Timer::Keepalive, beyond);
        self.wheel.fire_any(first, again)
    }

    /// The end of a wait of which the armed `timer` may tell how much is left.
    fn waiting_out(self, timer: Timer, whole: Stretch) -> Stretch {
        self.fires(timer, whole.last)
            .unwrap_or(Stretch::between(0, whole.last + granularity(whole.last)))
    }

    /// `tcp_fin_time`: `tcp_fin_timeout`, but never under 3.5 RTO.
    fn fin_timeout(self) -> Stretch {
        let configured = self.wheel.seconds(self.sysctls.fin_timeout_s);
        self.some_timeouts().at_least(configured)
    }

    /// 3.5 RTO.
    fn some_timeouts(self) -> Stretch {
        let some = |rto: i64| (rto << 2) - (rto >> 1);
        Stretch::between(some(self.rto.first), some(self.rto.last))
    }
}
