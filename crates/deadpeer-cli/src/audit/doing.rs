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
use crate::text::bytes::Bytes;

/// The numbers behind "what it is doing now", small enough to keep for every connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doing {
    /// The state.
    pub(super) state: TcpState,
    /// The timer that runs.
    timer: Option<ArmedTimer>,
    /// Bytes written and not acknowledged; for a listener, the longest queue it allows.
    queued: u32,
    /// Bytes received and not read; for a listener, connections waiting for accept().
    received: u32,
    /// How long ago the peer was last heard.
    heard_ago: Option<Duration>,
    /// `None`: nothing of the kind, as with most.
    rare: Option<Box<Rare>>,
}

/// The kernel waits so long for a client before it sends the SYN-ACK again, and then twice as long
/// (include/net/tcp.h, `TCP_TIMEOUT_INIT`; net/ipv4/inet_connection_sock.c, `reqsk_timer_handler`).
const FIRST_SYN_ACK_WAIT: Duration = Duration::from_secs(1);

/// What few connections do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rare {
    /// What it waits for, for long.
    waiting: Option<Waiting>,
    /// When it ends, if its peer is gone; only where something is waited for.
    ends: Option<Notice>,
    /// What its program has not read for long.
    unread: Option<Unread>,
    /// When the kernel gives it up, its program having closed it.
    given_up: Option<GivenUp>,
}

impl Doing {
    /// What this socket is doing.
    pub(super) fn of(connection: &Connection<'_>, moment: &Moment, judged: &Judgement) -> Self {
        let socket = connection.socket;
        Self {
            state: socket.state,
            timer: socket.timer,
            queued: socket.wqueue,
            received: socket.unread(),
            heard_ago: moment.snapshot.heard_ago,
            rare: Rare::of(socket.state, judged).map(Box::new),
        }
    }
}

impl Rare {
    fn of(state: TcpState, judged: &Judgement) -> Option<Self> {
        let unanswered = |waiting: Waiting| waiting.awaited.is_unanswered();
        // Nobody waits for a request in a listener's queue but the kernel itself.
        let waits = state == TcpState::SynRecv || judged.waiting.is_some_and(unanswered);
        let rare = Self {
            waiting: judged.waiting,
            ends: judged.ends.filter(|_| waits),
            unread: judged.unread,
            given_up: judged.given_up,
        };
        (rare != Self::NOTHING).then_some(rare)
    }

    const NOTHING: Self = Self {
        waiting: None,
        ends: None,
        unread: None,
        given_up: None,
    };
}

/// "heard 3.2 s ago, next probe in 12 s".
impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.state == TcpState::Listen {
            return write!(f, "{} of {} waiting for accept", self.received, self.queued);
        }
        let rare = self.rare.as_deref().unwrap_or(&Rare::NOTHING);
        let mut parts = Parts { f, written: false };
        if let Some(ago) = self.heard_ago.filter(|_| self.state != TcpState::SynSent) {
            parts.add(format_args!("heard {} ago", Upper(ago)))?;
        }
        // A SYN counts for a byte, which nobody wrote.
        let connecting = matches!(self.state, TcpState::SynSent | TcpState::SynRecv);
        if self.queued > 0 && !connecting {
            self.add_unacknowledged(&mut parts)?;
        }
        if let Some(Unread { bytes, since, .. }) = rare.unread {
            parts.add(format_args!(
                "{} unread for {}",
                Bytes(bytes.into()),
                Lower(since)
            ))?;
        }
        if let Some(timer) = self.timer {
            self.add_timer(timer, rare, &mut parts)?;
        }
        self.add_end(rare, &mut parts)
    }
}

impl Doing {
    /// A FIN counts for a byte as well.
    fn add_unacknowledged(&self, parts: &mut Parts<'_, '_>) -> fmt::Result {
        let closing = [TcpState::FinWait1, TcpState::LastAck, TcpState::Closing];
        match (closing.contains(&self.state), self.queued) {
            (false, bytes) => parts.add(format_args!("{} unacknowledged", Bytes(bytes.into()))),
            (true, 1) => parts.add(format_args!("FIN unacknowledged")),
            (true, bytes) => parts.add(format_args!(
                "{} and FIN unacknowledged",
                Bytes(u64::from(bytes) - 1)
            )),
        }
    }

    fn add_timer(&self, timer: ArmedTimer, rare: &Rare, parts: &mut Parts<'_, '_>) -> fmt::Result {
        let next = Upper(millis(timer.expires_in_ms));
        let unanswered = timer.unanswered.into();
        let what = if self.state == TcpState::SynSent {
            "SYN "
        } else if self.state == TcpState::SynRecv {
            "SYN-ACK "
        } else {
            ""
        };
        match timer.kind {
            TimerKind::Retransmit if unanswered > 0 => {
                let times = plural(unanswered, "time");
                parts.add(format_args!("{what}sent again {times}, next in {next}"))
            }
            // The kernel may have the client's acknowledgement and wait for its first data
            // (TCP_DEFER_ACCEPT); it has if a wait is over without another SYN-ACK.
            TimerKind::Retransmit if self.state == TcpState::SynRecv => {
                match millis(timer.expires_in_ms) > FIRST_SYN_ACK_WAIT {
                    true => parts.add(format_args!(
                        "acknowledged, waits for data (TCP_DEFER_ACCEPT), looks again in {next}"
                    )),
                    false => parts.add(format_args!("SYN-ACK sent, looks again in {next}")),
                }
            }
            TimerKind::Retransmit => parts.add(format_args!("{what}sends again in {next}")),
            // After close() it ends the wait for the peer's FIN.
            TimerKind::Keepalive if rare.given_up.is_some() => {
                parts.add(format_args!("ends in {next}"))
            }
            TimerKind::Keepalive if unanswered > 0 => {
                let probes = plural(unanswered, "probe");
                parts.add(format_args!("{probes} unanswered, next in {next}"))
            }
            TimerKind::Keepalive => parts.add(format_args!("next probe in {next}")),
            TimerKind::ZeroWindowProbe => match rare.waiting.map(|waiting| waiting.awaited) {
                Some(Awaited::Window) => parts.add(format_args!(
                    "peer's window closed, {} unanswered, next in {next}",
                    plural(unanswered, "probe")
                )),
                _ => parts.add(format_args!(
                    "peer does not read, next window probe in {next}"
                )),
            },
            TimerKind::TimeWait => parts.add(format_args!("ends in {next}")),
            TimerKind::Other(_) => Ok(()),
        }
    }

    /// When it ends, where something is waited for.
    fn add_end(&self, rare: &Rare, parts: &mut Parts<'_, '_>) -> fmt::Result {
        if let Some(given_up) = rare.given_up {
            return match self.state == TcpState::FinWait2 && self.timer.is_some() {
                true => Ok(()),
                false => parts.add(format_args!("{}", GivenUpWords(given_up))),
            };
        }
        match rare.ends {
            Some(Notice::Within(span)) => {
                parts.add(format_args!("ends within {}", Upper(span.latest)))
            }
            Some(Notice::Never) => parts.add(format_args!("never ends")),
            None => Ok(()),
        }
    }
}

/// Writes parts of a list.
struct Parts<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    written: bool,
}

impl Parts<'_, '_> {
    fn add(&mut self, part: fmt::Arguments<'_>) -> fmt::Result {
        if self.written {
            self.f.write_str(", ")?;
        }
        self.written = true;
        self.f.write_fmt(part)
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
            rare: None,
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
            ..idle.clone()
        };
        assert_eq!(
            sending.to_string(),
            "heard 3.2 s ago, 4.2 kB unacknowledged, sent again 3 times, next in 1.6 s"
        );
        let probing = Doing {
            timer: timer(TimerKind::Keepalive, 2),
            ..idle.clone()
        };
        assert_eq!(
            probing.to_string(),
            "heard 3.2 s ago, 2 probes unanswered, next in 1.6 s"
        );
        let listening = Doing {
            state: TcpState::Listen,
            received: 2,
            queued: 128,
            ..idle.clone()
        };
        assert_eq!(listening.to_string(), "2 of 128 waiting for accept");
        let closing = Doing {
            state: TcpState::FinWait1,
            timer: timer(TimerKind::Retransmit, 2),
            queued: 1,
            ..idle.clone()
        };
        let closed = Doing {
            queued: 21,
            ..closing.clone()
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
            ..idle.clone()
        };
        assert_eq!(
            connecting.to_string(),
            "SYN sent again 1 time, next in 1.6 s"
        );
    }
}
