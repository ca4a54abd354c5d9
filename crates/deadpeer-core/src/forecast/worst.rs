//! What a connection is judged by: the worst of the silences that may come over it.

use std::time::Duration;

use super::case::rto_min;
use super::retransmission::TIMEOUT_MIN;
use super::{Forecast, Notice, Silence, Snapshot};
use crate::kernel::Kernel;
use crate::state::TcpState;
use crate::wheel::Wheel;

impl Silence {
    /// What may come over every connection while it is open, whatever it does at the moment. A
    /// connection keeps a deadline that it keeps in each of these and in the silence it is in now
    /// ([`Snapshot::silence`]).
    pub const JUDGED: [Self; 3] = [Self::Idle, Self::InFlight, Self::LateWrite];

    /// Which of them may still come over a connection in this state. After our FIN nothing is
    /// written any more; once it is acknowledged nothing is in flight, and once the peer's came
    /// (RFC 9293, section 3.6) nothing follows its acknowledgement.
    #[must_use]
    pub fn still_to_come(state: TcpState) -> &'static [Self] {
        match state {
            TcpState::Listen
            | TcpState::SynSent
            | TcpState::SynRecv
            | TcpState::NewSynRecv
            | TcpState::Established
            | TcpState::CloseWait => &Self::JUDGED,
            TcpState::FinWait1 => &[Self::Idle, Self::InFlight],
            TcpState::FinWait2 => &[Self::Idle],
            TcpState::Closing | TcpState::LastAck => &[Self::InFlight],
            TcpState::TimeWait | TcpState::Close => &[],
        }
    }
}

impl Forecast {
    /// When a vanished peer is noticed in the worst of the silences that may come over every open
    /// connection.
    #[must_use]
    pub fn worst(&self) -> Notice {
        let [first, rest @ ..] = Silence::JUDGED.map(|silence| self.outlook(silence).worst);
        rest.into_iter().fold(first, Notice::later_of)
    }

    /// The same of the silences that may still come over the connection of this snapshot, and of
    /// the one that it is in; `None`: it is over.
    #[must_use]
    pub fn worst_with(&self, snapshot: &Snapshot) -> Option<Notice> {
        // What may come after our FIN depends on whether it is acknowledged.
        let now = snapshot.silence().filter(|now| *now != Silence::AfterFin);
        let to_come = Silence::still_to_come(snapshot.state).iter().copied();
        to_come
            .chain(now)
            .map(|silence| self.outlook(silence).worst)
            .reduce(Notice::later_of)
    }
}

impl Snapshot {
    /// What of this moment the worst cases may depend on: without what tells how far it is in a
    /// silence, and with times of the path in whole ticks of the kernel's clock.
    ///
    /// [`Outlook::worst`](super::Outlook::worst) of this is that of the snapshot itself, for every
    /// silence, but of many connections it is the same: who judges a whole machine foretells it
    /// once for all of them.
    #[must_use]
    pub fn for_worst_cases(&self, kernel: &Kernel) -> Self {
        let mut path = Self {
            heard_ago: None,
            probes_out: 0,
            received_ago: None,
            sent_ago: None,
            first_timeout_ago: None,
            first_timeout_within: None,
            timed_out_before: false,
            stamped_ahead: None,
            clock_started_ago: None,
            clock_starts_in: None,
            window_probed_ago: None,
            armed: None,
            jiffies: None,
            ..*self
        };
        if let Some(hz) = kernel.hz {
            let wheel = Wheel::new(hz, None);
            path.rto = path.rto.map(|rto| wheel.time(wheel.jiffies(rto)));
            let rto_min = rto_min(&kernel.sysctls);
            path.srtt = path.srtt.map(|srtt| alike(srtt, rto_min, wheel));
        }
        path
    }
}

/// The longest round trip that comes to the same ticks in all that is reckoned from it: alone, and
/// twice with what a tail-loss probe waits besides.
fn alike(srtt: Duration, rto_min: Duration, wheel: Wheel) -> Duration {
    let whole_ticks = |wait| wheel.time(wheel.jiffies(wait));
    let waits_for_probe =
        [rto_min, TIMEOUT_MIN].map(|more| whole_ticks(srtt * 2 + more).saturating_sub(more) / 2);
    waits_for_probe
        .into_iter()
        .fold(whole_ticks(srtt), Duration::min)
}

impl Notice {
    /// Whether this may come later than `other`; never is later than anything.
    #[must_use]
    pub fn is_later_than(self, other: Self) -> bool {
        match (self.latest(), other.latest()) {
            (None, Some(_)) => true,
            (Some(one), Some(other)) => one > other,
            (None | Some(_), None) => false,
        }
    }

    /// The later of two.
    #[must_use]
    pub fn later_of(self, other: Self) -> Self {
        match other.is_later_than(self) {
            true => other,
            false => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::forecast::Span;
    use crate::{Effective, Kernel, TcpState};

    fn at(seconds: u64) -> Notice {
        let at = Duration::from_secs(seconds);
        Notice::Within(Span {
            earliest: at,
            latest: at,
        })
    }

    /// `tcp_schedule_loss_probe` rounds once, after it added 2 ms: at 100 Hz two round trips of 4
    /// ms are one tick, of 5 ms two.
    #[test]
    fn a_round_trip_is_told_in_ticks_of_all_that_is_reckoned_from_it() {
        let wheel = Wheel::new(100, None);
        let alike = |us| alike(Duration::from_micros(us), Duration::from_millis(200), wheel);
        assert_eq!(alike(1), Duration::from_millis(4));
        assert_eq!(alike(4_000), Duration::from_millis(4));
        assert_eq!(alike(4_001), Duration::from_millis(5));
        assert_eq!(alike(10_000), Duration::from_millis(10));
        assert_eq!(alike(9_001), Duration::from_millis(10));
    }

    #[test]
    fn never_is_the_latest() {
        assert_eq!(at(1).later_of(at(2)), at(2));
        assert_eq!(at(2).later_of(at(1)), at(2));
        assert_eq!(at(1).later_of(Notice::Never), Notice::Never);
        assert_eq!(Notice::Never.later_of(at(1)), Notice::Never);
        assert!(!Notice::Never.is_later_than(Notice::Never));
        assert!(!at(1).is_later_than(at(1)));
    }

    #[test]
    fn the_worst_is_that_of_the_silences_judged_and_of_the_one_at_hand() {
        let mut kernel = Kernel::modern(None);
        kernel.sysctls.retries2 = 3;
        let mut options = Effective::untouched(&kernel.sysctls);
        let mut snapshot = Snapshot::new(TcpState::Established);
        let told = Forecast::of(&options, &snapshot, &kernel);
        assert_eq!(told.worst(), Notice::Never);

        options.keepalive = true;
        (options.keepidle_s, options.keepintvl_s, options.keepcnt) = (1, 1, 1);
        options.user_timeout_ms = Some(2_000);
        let told = Forecast::of(&options, &snapshot, &kernel);
        assert_eq!(told.worst(), told.late_write.worst);
        assert_eq!(told.worst_with(&snapshot), Some(told.worst()));

        snapshot.state = TcpState::SynSent;
        options.syncnt = Some(8);
        options.user_timeout_ms = None;
        let told = Forecast::of(&options, &snapshot, &kernel);
        assert!(told.connecting.worst.is_later_than(told.worst()));
        assert_eq!(told.worst_with(&snapshot), Some(told.connecting.worst));

        for (state, worst) in [
            (TcpState::FinWait1, Some(told.after_fin.worst)),
            (TcpState::FinWait2, Some(told.idle.worst)),
            (TcpState::LastAck, Some(told.in_flight.worst)),
            (TcpState::TimeWait, None),
        ] {
            assert_eq!(told.worst_with(&Snapshot::new(state)), worst, "{state}");
        }
    }
}
