//! What a connection is doing now, as the kernel's table shows it.

use std::fmt;
use std::time::Duration;

use deadpeer_core::forecast::{Awaited, Waiting};
use deadpeer_core::{Notice, TcpState};
use deadpeer_host::audit::{GivenUp, Judgement, Moment, Unread};
use deadpeer_host::{ArmedTimer, Connection, TimerKind};
use deadpeer_report::duration::{Lower, Upper};
use deadpeer_report::plural::plural;

use super::words::{GivenUpWords, millis};

/// The numbers behind "what it is doing now", small enough to keep for every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doing {
    /// The state.
    pub(super) state: TcpState,
    /// The timer that runs.
    pub(super) timer: Option<ArmedTimer>,
    /// Bytes written and not acknowledged; for a listener, the longest queue it allows.
    pub(super) queued: u32,
    /// Bytes received and not read; for a listener, connections waiting for accept().
    pub(super) received: u32,
    /// How long ago the peer was last heard.
    pub(super) heard_ago: Option<Duration>,
    /// What it waits for, for long.
    pub(super) waiting: Option<Waiting>,
    /// When it ends, if its peer is gone.
    pub(super) ends: Option<Notice>,
    /// What its program has not read for long.
    pub(super) unread: Option<Unread>,
    /// When the kernel gives it up, its program having closed it.
    pub(super) given_up: Option<GivenUp>,
}

impl Doing {
    /// What this socket is doing.
    pub(super) fn of(connection: &Connection<'_>, moment: &Moment, judged: &Judgement) -> Self {
        let socket = connection.socket;
        Self {
            state: socket.state,
            timer: socket.timer,
            queued: socket.wqueue,
            received: socket.rqueue,
            heard_ago: moment.snapshot.heard_ago,
            waiting: judged.waiting,
            ends: judged.ends,
            unread: judged.unread,
            given_up: judged.given_up,
        }
    }
}

/// "heard 3.2 s ago, next probe in 12 s".
impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().join(", "))
    }
}

impl Doing {
    fn parts(&self) -> Vec<String> {
        if self.state == TcpState::Listen {
            return vec![format!(
                "{} of {} waiting for accept",
                self.received, self.queued
            )];
        }
        let heard = self
            .heard_ago
            .map(|ago| format!("heard {} ago", Upper(ago)));
        // A SYN counts for a byte, which nobody wrote.
        let connecting = matches!(self.state, TcpState::SynSent | TcpState::SynRecv);
        let unacknowledged = (self.queued > 0 && !connecting).then(|| self.unacknowledged());
        let unread = self
            .unread
            .map(|unread| format!("{} unread for {}", Bytes(unread.bytes), Lower(unread.since)));
        let heard = heard.filter(|_| self.state != TcpState::SynSent);
        let parts = [
            heard,
            unacknowledged,
            unread,
            self.timer_words(),
            self.end_words(),
        ];
        parts.into_iter().flatten().collect()
    }

    /// A FIN counts for a byte as well.
    fn unacknowledged(&self) -> String {
        let closing = [TcpState::FinWait1, TcpState::LastAck, TcpState::Closing];
        match (closing.contains(&self.state), self.queued) {
            (false, bytes) => format!("{} unacknowledged", Bytes(bytes)),
            (true, 1) => "FIN unacknowledged".to_owned(),
            (true, bytes) => format!("{} and FIN unacknowledged", Bytes(bytes - 1)),
        }
    }

    fn timer_words(&self) -> Option<String> {
        let timer = self.timer?;
        let next = Upper(millis(timer.expires_in_ms));
        let times = plural(timer.unanswered.into(), "time");
        let what = if self.state == TcpState::SynSent {
            "SYN "
        } else if self.state == TcpState::SynRecv {
            "SYN-ACK "
        } else {
            ""
        };
        Some(match timer.kind {
            TimerKind::Retransmit if timer.unanswered > 0 => {
                format!("{what}sent again {times}, next in {next}")
            }
            TimerKind::Retransmit => format!("{what}sends again in {next}"),
            // After close() it ends the wait for the peer's FIN.
            TimerKind::Keepalive if self.given_up.is_some() => format!("ends in {next}"),
            TimerKind::Keepalive if timer.unanswered > 0 => {
                let probes = plural(timer.unanswered.into(), "probe");
                format!("{probes} unanswered, next in {next}")
            }
            TimerKind::Keepalive => format!("next probe in {next}"),
            TimerKind::ZeroWindowProbe => match self.waiting.map(|waiting| waiting.awaited) {
                Some(Awaited::Window) => format!(
                    "peer's window closed, {} unanswered, next in {next}",
                    plural(timer.unanswered.into(), "probe")
                ),
                _ => format!("peer does not read, next window probe in {next}"),
            },
            TimerKind::TimeWait => format!("ends in {next}"),
            TimerKind::Other(_) | _ => return None,
        })
    }

    /// When it ends, where something is waited for.
    fn end_words(&self) -> Option<String> {
        if let Some(given_up) = self.given_up {
            let told = self.state == TcpState::FinWait2 && self.timer.is_some();
            return (!told).then(|| GivenUpWords(given_up).to_string());
        }
        let unanswered = |waiting: Waiting| waiting.awaited.is_unanswered();
        // Nobody waits for a request in a listener's queue but the kernel itself.
        if self.state != TcpState::SynRecv && !self.waiting.is_some_and(unanswered) {
            return None;
        }
        Some(match self.ends? {
            Notice::Within(span) => format!("ends within {}", Upper(span.latest)),
            Notice::Never => "never ends".to_owned(),
        })
    }
}

/// A number of bytes, three digits at most.
pub(super) struct Bytes(pub(super) u32);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n @ 0..=999 => write!(f, "{n} B"),
            n @ 1000..=9_999 => write!(f, "{}.{} kB", n / 1000, n % 1000 / 100),
            n @ 10_000..=999_999 => write!(f, "{} kB", n / 1000),
            n @ 1_000_000..=9_999_999 => {
                write!(f, "{}.{} MB", n / 1_000_000, n % 1_000_000 / 100_000)
            }
            n => write!(f, "{} MB", n / 1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_host::ArmedTimer;

    use super::*;

    #[test]
    fn what_a_connection_is_doing() {
        let idle = Doing {
            state: TcpState::Established,
            timer: None,
            queued: 0,
            received: 0,
            heard_ago: Some(millis(3_150)),
            waiting: None,
            ends: None,
            unread: None,
            given_up: None,
        };
        assert_eq!(idle.to_string(), "heard 3.2 s ago");
        let timer = |kind, unanswered| {
            Some(ArmedTimer {
                kind,
                expires_in_ms: 1_600,
                unanswered,
            })
        };
        let sending = Doing {
            timer: timer(TimerKind::Retransmit, 3),
            queued: 4_200,
            ..idle
        };
        assert_eq!(
            sending.to_string(),
            "heard 3.2 s ago, 4.2 kB unacknowledged, sent again 3 times, next in 1.6 s"
        );
        let probing = Doing {
            timer: timer(TimerKind::Keepalive, 2),
            ..idle
        };
        assert_eq!(
            probing.to_string(),
            "heard 3.2 s ago, 2 probes unanswered, next in 1.6 s"
        );
        let listening = Doing {
            state: TcpState::Listen,
            received: 2,
            queued: 128,
            ..idle
        };
        assert_eq!(listening.to_string(), "2 of 128 waiting for accept");
        let closing = Doing {
            state: TcpState::FinWait1,
            timer: timer(TimerKind::Retransmit, 2),
            queued: 1,
            ..idle
        };
        let closed = Doing {
            queued: 21,
            ..closing
        };
        assert_eq!(
            closing.to_string(),
            "heard 3.2 s ago, FIN unacknowledged, sent again 2 times, next in 1.6 s"
        );
        assert!(closed.to_string().contains("20 B and FIN unacknowledged"));
        let connecting = Doing {
            state: TcpState::SynSent,
            timer: timer(TimerKind::Retransmit, 1),
            queued: 1,
            ..idle
        };
        assert_eq!(
            connecting.to_string(),
            "SYN sent again 1 time, next in 1.6 s"
        );
    }

    #[test]
    fn bytes_have_few_digits() {
        for (n, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (64_999, "64 kB"),
            (3_700_000, "3.7 MB"),
            (u32::MAX, "4294 MB"),
        ] {
            assert_eq!(Bytes(n).to_string(), shown);
        }
    }
}
