//! How late the guard may be where the kernel asks seldom.

use std::time::Duration;

use deadpeer_core::Kernel;
use deadpeer_core::verdict::Loss;
use deadpeer_host::protect::{Asking, Patience};

use crate::heart::seldom::Seldom;

/// The longest retransmission timeout of kernels that cannot be told a shorter one
/// (include/net/tcp.h, `TCP_RTO_MAX`).
const RTO_MAX_MS: u32 = 120_000;

/// When a peer that vanishes behind a closed window is convicted at the latest, where nothing is
/// known of its path, or the kernel gives it up, after `tcp_retries2` questions. They may be as far
/// apart as is set, and an eighth more (kernel/time/timer.c).
pub(crate) fn behind_a_closed_window(deadline: Duration, kernel: &Kernel) -> Duration {
    let options = *Asking::within(deadline, kernel).options(Patience::default());
    let apart_ms = options.resolve(&kernel.sysctls).rto_max_ms;
    let apart = Duration::from_millis(apart_ms.unwrap_or(RTO_MAX_MS).into());
    let needed = Seldom::ClosedWindow.needs(&Loss::default());
    apart * needed.min(kernel.sysctls.retries2) * 9 / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/guard.md has both.
    #[test]
    fn six_deadlines_or_half_an_hour() {
        let deadline = Duration::from_secs(30);
        let modern = behind_a_closed_window(deadline, &Kernel::modern(None));
        assert!(
            modern > deadline * 6 && modern < deadline * 25 / 4,
            "{modern:?}"
        );
        let older = behind_a_closed_window(deadline, &Kernel::before_rto_max(None));
        assert_eq!(older.as_secs(), 2_025);
    }
    /// docs/guard.md says so: within the deadline and a sweep from 15 s on, else half as long
    /// again.
    #[test]
    fn how_soon_data_in_flight_has_timed_out_often_enough() {
        let mut known = Loss::default();
        known.sample(0.0, 100.0);
        let timeouts = Seldom::InFlight.needs(&known);
        let took = |deadline: Duration| {
            let asking = Asking::within(deadline, &Kernel::modern(None));
            let cap = asking.options(Patience::default()).rto_max_ms.unwrap();
            let waits = (0..timeouts).map(|n| (200 << n).min(cap));
            // After the tail-loss probe.
            Duration::from_millis((200 + waits.sum::<u32>()).into())
        };
        for deadline in (5..=120).map(Duration::from_secs) {
            let bound = match deadline.as_secs() {
                15.. => deadline * 7 / 6,
                _ => deadline * 5 / 3,
            };
            assert!(
                took(deadline) <= bound,
                "{deadline:?}: {:?}",
                took(deadline)
            );
        }
        assert_eq!(took(Duration::from_secs(30)).as_secs(), 23);
    }
}
