//! What a connection waits for at this moment, and for how long already.

use std::time::Duration;

use super::case::{Case, highest_rto};
use super::notice::Silence;
use super::snapshot::{Snapshot, Timer};
use crate::kernel::Kernel;
use crate::options::Effective;
use crate::state::TcpState;
use crate::wheel::Wheel;

/// An answer that takes no longer than this is ordinary: a lost packet and its retransmission at
/// the RTO of a path nobody has measured (RFC 6298, section 2.1) are over by then.
const ORDINARY: Duration = Duration::from_secs(3);
/// A program that reads at all has made room by then.
const READS: Duration = Duration::from_secs(10);

/// What was sent and is not answered, for longer than a lost packet explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// What the connection waits for.
    pub awaited: Awaited,
    /// For so long at least. Of a keepalive or window probe: the silence.
    pub since: Duration,
    /// Retransmissions or probes in a row that nothing answered.
    pub unanswered: u32,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Awaited {
    /// connect(): the answer to its SYN.
    Connection,
    /// The acknowledgement of data.
    Acknowledgement,
    /// The acknowledgement of our FIN, and of data before it.
    FinAcknowledgement,
    /// The answer to a keepalive probe.
    Probe,
    /// The answer to a probe of the peer's closed window: its host is gone, or the path.
    Window,
    /// Room in the peer's window, which its kernel goes on to say is closed: its program is frozen
    /// or slow, its host is there.
    Reader,
}

impl Awaited {
    /// A word for it, as JSON has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Acknowledgement => "acknowledgement",
            Self::FinAcknowledgement => "fin-acknowledgement",
            Self::Probe => "probe",
            Self::Window => "window-probe",
            Self::Reader => "reader",
        }
    }

    /// Whether nothing answers: the peer's host or the path to it is gone.
    #[must_use]
    pub fn is_unanswered(self) -> bool {
        self != Self::Reader
    }
}

impl Snapshot {
    /// What the connection waits for, if that takes longer than three seconds (of a reader: ten).
    /// `options`: what is in force, where that is known.
    ///
    /// Not told of requests in a listener's queue, which no program waits for yet.
    #[must_use]
    pub fn waiting(&self, options: Option<&Effective>, kernel: &Kernel) -> Option<Waiting> {
        let silence = self.silence()?;
        // Most connections are idle and nothing is asked.
        if silence == Silence::Idle && self.probes_out == 0 {
            return None;
        }
        let untouched = Effective::untouched(&kernel.sysctls);
        let (rate, _) = kernel.clock_rates();
        let case = Case::new(
            options.unwrap_or(&untouched),
            self,
            kernel,
            Wheel::new(rate, None),
            highest_rto(),
        );
        case.waiting(silence, options.is_some())
            .filter(|waiting| waiting.since >= waiting.awaited.ordinary())
    }
}

impl Awaited {
    fn ordinary(self) -> Duration {
        if self == Self::Reader {
            READS
        } else {
            ORDINARY
        }
    }
}

impl Case<'_> {
    fn waiting(self, silence: Silence, options_known: bool) -> Option<Waiting> {
        let snapshot = self.snapshot;
        let told = |awaited, since, unanswered| Waiting {
            awaited,
            since,
            unanswered,
        };
        match silence {
            Silence::Connecting if snapshot.state == TcpState::SynSent => Some(told(
                Awaited::Connection,
                self.passed(-self.connect_called().last),
                snapshot.retransmits,
            )),
            Silence::InFlight => Some(told(
                Awaited::Acknowledgement,
                self.unacknowledged_for()?,
                snapshot.retransmits,
            )),
            Silence::Idle => self.probes_unanswered(options_known),
            Silence::ZeroWindow => self.behind_closed_window(),
            Silence::AfterFin if snapshot.state == TcpState::TimeWait => None,
            Silence::AfterFin if snapshot.state == TcpState::FinWait2 => {
                self.probes_unanswered(options_known)
            }
            Silence::AfterFin if self.probes_window() => self.behind_closed_window(),
            Silence::AfterFin => Some(told(
                Awaited::FinAcknowledgement,
                self.unacknowledged_for()?,
                snapshot.retransmits,
            )),
            Silence::Connecting | Silence::LateWrite => None,
        }
    }

    /// How long the oldest unacknowledged segment has waited, at least.
    fn unacknowledged_for(self) -> Option<Duration> {
        if self.snapshot.retransmits == 0 {
            return self.snapshot.sent_ago;
        }
        let snapshot = self.snapshot;
        let since_timeout = match snapshot.clock_started_ago.or(snapshot.first_timeout_ago) {
            Some(ago) => ago,
            None => self.passed(-self.estimated_first_timeout().last),
        };
        // It was sent one RTO before that.
        Some(since_timeout + self.passed(self.rto.first))
    }

    fn probes_unanswered(self, options_known: bool) -> Option<Waiting> {
        let snapshot = self.snapshot;
        let probes = snapshot.probes_out;
        let interval = options_known.then(|| self.wheel.seconds(self.options.keepintvl_s));
        let first_asked = match (interval, self.expires(Timer::Keepalive)) {
            (Some(interval), Some(expires)) => {
                self.passed(interval * i64::from(probes) - expires.min(interval))
            }
            // They are a second apart at least.
            _ => Duration::from_secs(probes.saturating_sub(1).into()),
        };
        // An orphan is not probed.
        (probes > 0 && !snapshot.orphan && first_asked >= ORDINARY).then_some(Waiting {
            awaited: Awaited::Probe,
            since: snapshot.heard_ago.unwrap_or(first_asked),
            unanswered: probes,
        })
    }

    /// A probe of the window that is just on its way counts as answered.
    fn behind_closed_window(self) -> Option<Waiting> {
        let snapshot = self.snapshot;
        let expires = self.expires(Timer::ZeroWindowProbe).unwrap_or(0);
        let asked = self.passed(self.doubled(snapshot.backoff).first - expires);
        let unanswered = match snapshot.probes_out {
            0 => false,
            1 => asked >= ORDINARY,
            _ => true,
        };
        // Each doubling stands for a wait that is over.
        let waits = (0..snapshot.backoff).map(|backoff| self.doubled(backoff).first);
        let closed = self.passed(waits.sum());
        Some(if unanswered {
            Waiting {
                awaited: Awaited::Window,
                since: snapshot.heard_ago.unwrap_or(asked),
                unanswered: snapshot.probes_out,
            }
        } else {
            Waiting {
                awaited: Awaited::Reader,
                since: snapshot.sent_ago.unwrap_or(closed),
                unanswered: 0,
            }
        })
    }

    fn passed(self, jiffies: i64) -> Duration {
        self.wheel.time(jiffies.max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::Armed;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn armed(timer: Timer, seconds: u64) -> Option<Armed> {
        Some(Armed {
            timer,
            expires_in: S(seconds),
            level: None,
        })
    }

    fn waits(snapshot: &Snapshot) -> Option<(Awaited, u64)> {
        let kernel = Kernel::modern(Some(250));
        let mut options = Effective::untouched(&kernel.sysctls);
        options.keepalive = true;
        let waiting = snapshot.waiting(Some(&options), &kernel)?;
        Some((waiting.awaited, waiting.since.as_secs()))
    }

    #[test]
    fn whoever_is_idle_or_was_answered_waits_for_nothing() {
        let mut idle = Snapshot::new(TcpState::Established);
        idle.heard_ago = Some(S(7_200));
        assert_eq!(waits(&idle), None);
        idle.probes_out = 1;
        idle.armed = armed(Timer::Keepalive, 74);
        assert_eq!(waits(&idle), None);
        idle.armed = armed(Timer::Keepalive, 60);
        assert_eq!(waits(&idle), Some((Awaited::Probe, 7_200)));
        assert_eq!(waits(&Snapshot::new(TcpState::Listen)), None);
    }

    #[test]
    fn data_waits_since_it_was_sent() {
        let mut sending = Snapshot::new(TcpState::Established);
        sending.in_flight = true;
        sending.rto = Some(Duration::from_millis(200));
        sending.sent_ago = Some(Duration::from_millis(150));
        assert_eq!(waits(&sending), None);
        // 0.2, 0.4, ... 6.4 s are over, of 12.8 s there are 2 left.
        (sending.retransmits, sending.backoff) = (6, 6);
        sending.rto = Some(Duration::from_millis(12_800));
        sending.armed = armed(Timer::Retransmit, 2);
        let (awaited, since) = waits(&sending).expect("it waits");
        assert_eq!(awaited, Awaited::Acknowledgement);
        assert!((22..=23).contains(&since), "{since}");
        // Where the kernel says when it began, that counts.
        sending.first_timeout_ago = Some(S(228));
        assert_eq!(waits(&sending), Some((Awaited::Acknowledgement, 228)));
        sending.state = TcpState::LastAck;
        assert_eq!(waits(&sending), Some((Awaited::FinAcknowledgement, 228)));
    }

    #[test]
    fn a_syn_waits_since_connect() {
        let mut connecting = Snapshot::new(TcpState::SynSent);
        connecting.in_flight = true;
        connecting.armed = armed(Timer::Retransmit, 0);
        assert_eq!(waits(&connecting), None);
        connecting.retransmits = 4;
        let (awaited, since) = waits(&connecting).expect("it waits");
        assert_eq!(awaited, Awaited::Connection);
        assert!((4..=7).contains(&since), "{since}");
        connecting.state = TcpState::NewSynRecv;
        assert_eq!(waits(&connecting), None);
    }

    #[test]
    fn a_frozen_reader_is_told_from_one_that_is_gone() {
        let mut closed = Snapshot::new(TcpState::Established);
        (closed.unsent, closed.zero_window) = (true, Some(true));
        closed.rto = Some(Duration::from_millis(200));
        (closed.sent_ago, closed.heard_ago) = (Some(S(40)), Some(S(1)));
        closed.backoff = 6;
        closed.armed = armed(Timer::ZeroWindowProbe, 11);
        assert_eq!(waits(&closed), Some((Awaited::Reader, 40)));
        // By eBPF it does not show when data was last sent: 0.2 to 6.4 s are over.
        closed.sent_ago = None;
        assert_eq!(waits(&closed), Some((Awaited::Reader, 12)));
        // Probed 1.8 s ago, and on its way.
        closed.probes_out = 1;
        assert_eq!(waits(&closed), Some((Awaited::Reader, 12)));
        (closed.probes_out, closed.heard_ago) = (3, Some(S(30)));
        assert_eq!(waits(&closed), Some((Awaited::Window, 30)));
    }
}
