//! Connections that are asked, and what comes of it.

use std::fmt;
use std::time::Duration;

use deadpeer::{Answer, NotNow};
use deadpeer_core::TcpState;
use deadpeer_report::duration::{Upper, microseconds};
use deadpeer_report::record::{self, Ends, PingSummary};

use super::place::place;
use crate::ask::Reply;
use crate::audit::Replies;
use crate::target::{ByKernel, Forgotten, Risk, Target};

impl From<&Target> for Ends {
    fn from(target: &Target) -> Self {
        let owner = target.owners.first();
        Self {
            place: place(target.netns.as_deref(), target.workload.as_deref()),
            local: target.id.local.to_string(),
            peer: target.id.peer.to_string(),
            state: target.state.name().into(),
            cookie: target.id.cookie,
            process: owner.map(|owner| (*owner.process).into()),
            pid: owner.map(|owner| owner.pid),
            fd: owner.map(|owner| owner.fd),
        }
    }
}

impl From<&Reply> for record::Reply {
    fn from(reply: &Reply) -> Self {
        Self {
            answer: reply.word().into(),
            rtt_us: rtt(reply).map(microseconds),
            unanswered: reply.open_questions(),
            text: reply.to_string(),
        }
    }
}

impl Reply {
    /// One word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Answer(Answer::Answered { .. }) => "answered",
            Self::Answer(Answer::Unanswered { .. }) => "unanswered",
            Self::Answer(Answer::Ended(_)) => "ended",
            Self::Answer(Answer::Dead(_)) => "over",
            Self::Answer(Answer::NotNow(NotNow::Heard { .. })) => "heard",
            Self::Answer(_) | Self::ByKernel(_) => "not-now",
            Self::Withheld(_) => "withheld",
            Self::NotSent => "not-sent",
            Self::Unreachable(_) | Self::Failed(_) => "unreachable",
        }
    }
}

fn rtt(reply: &Reply) -> Option<Duration> {
    let Reply::Answer(Answer::Answered { rtt }) = reply else {
        return None;
    };
    Some(*rtt)
}

impl Replies {
    /// The record of what the peer of this connection has answered.
    #[must_use]
    pub fn to_record(&self, target: &Target) -> PingSummary {
        let times = self.round_trips;
        let peer_is = match self.peer_is_there() {
            Some(true) => "there",
            Some(false) => "gone",
            None => "unknown",
        };
        PingSummary {
            connection: target.into(),
            sent: self.sent,
            answered: self.answered,
            late: self.late,
            heard: self.heard,
            unasked: self.unasked,
            unanswered_at_the_end: self.in_vain,
            rtt_min_us: times.map(|times| microseconds(times.shortest)),
            rtt_avg_us: times.map(|times| microseconds(times.total / self.answered)),
            rtt_max_us: times.map(|times| microseconds(times.longest)),
            peer_is: peer_is.into(),
        }
    }
}

/// "answered in 0.3 ms".
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(Answer::Answered { rtt }) => write!(f, "answered in {}", Rtt(*rtt)),
            Self::Answer(Answer::Unanswered { waited }) => {
                write!(f, "not answered within {}", Upper(*waited))
            }
            Self::Answer(Answer::Dead(death)) => write!(f, "over: {death}"),
            Self::Answer(Answer::Ended(_)) => f.write_str(
                "ended by this probe: the peer answered with an RST, because its kernel knows no such connection",
            ),
            Self::ByKernel(kernel) => kernel.fmt(f),
            Self::Withheld(risk) => write!(f, "not asked: {risk}; its answer, an RST, would end it"),
            Self::NotSent => f.write_str("not asked, because nothing was to be sent"),
            Self::Answer(Answer::NotNow(why)) => write!(f, "{}", NotNowWords(*why)),
            Self::Unreachable(why) => write!(f, "can't be asked: {}", why.reason()),
            Self::Failed(error) => write!(f, "can't be asked: {error}"),
            Self::Answer(_) => f.write_str("can't be asked"),
        }
    }
}

/// "connecting: its SYN is retransmitted until it is answered (3 unanswered so far)".
impl fmt::Display for ByKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            TcpState::SynSent => "connecting: its SYN is retransmitted until it is answered",
            TcpState::SynRecv | TcpState::NewSynRecv => {
                "being opened by the peer: the SYN-ACK is retransmitted until it is acknowledged"
            }
            TcpState::FinWait2 => {
                "closed here, and acknowledged by the peer: the kernel waits for the peer to close, too"
            }
            TcpState::TimeWait => {
                "closed on both sides: the kernel only keeps its addresses and ports from being reused too soon"
            }
            TcpState::LastAck | TcpState::FinWait1 if self.closed_window => {
                "closed here: the peer's window is closed and data waits, so the kernel probes the window"
            }
            TcpState::LastAck => {
                "closed on both sides: the last data and the FIN are retransmitted until they are acknowledged"
            }
            TcpState::FinWait1
            | TcpState::Closing
            | TcpState::Established
            | TcpState::CloseWait
            | TcpState::Listen
            | TcpState::Close
            | _ => {
                "closed here: the last data and the FIN are retransmitted until they are acknowledged"
            }
        })?;
        match (self.unanswered, self.forgotten_in) {
            (Some(unanswered), _) => write!(f, " ({})", Unanswered(unanswered)),
            (None, Some(left)) => write!(f, " (for another {})", Upper(left)),
            (None, None) => Ok(()),
        }
    }
}

/// "the peer closed 9.1 s ago, and its kernel has forgotten the connection".
impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer closed")?;
        if let Some(ago) = self.closed_ago {
            write!(f, " {} ago", Upper(ago))?;
        }
        f.write_str(match self.forgotten {
            Forgotten::Hardly => ", and its kernel may have forgotten the connection",
            Forgotten::Likely => ", and its kernel has most likely forgotten the connection since",
            Forgotten::Certainly => ", and its kernel has forgotten the connection",
        })
    }
}

struct NotNowWords(NotNow);

impl fmt::Display for NotNowWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NotNow::Heard { ago } => write!(f, "heard {} ago, no probe needed", Upper(ago)),
            NotNow::InFlight { unanswered } => write!(
                f,
                "can't ask now: data is in flight, and retransmitted until it is acknowledged ({})",
                Unanswered(unanswered)
            ),
            NotNow::Queued { unanswered } => write!(
                f,
                "can't ask now: the peer's window is closed and data waits, so the kernel probes the window ({})",
                Unanswered(unanswered)
            ),
            NotNow::KernelAsks { unanswered } => write!(
                f,
                "can't ask now: the kernel's own keepalive is asking ({})",
                Unanswered(unanswered)
            ),
            NotNow::JustAsked { unanswered } => write!(
                f,
                "can't ask now: a peer answers such a probe every half second at most, and one is open ({})",
                Unanswered(unanswered)
            ),
            NotNow::LastProbe { unanswered } => write!(
                f,
                "not asked: with the application's own settings, one more unanswered probe could end the connection ({})",
                Unanswered(unanswered)
            ),
            NotNow::Busy => f.write_str("can't ask now: its program kept the socket busy"),
            NotNow::NotConnected => f.write_str("can't ask: there is no connection any more"),
            _ => f.write_str("can't ask now"),
        }
    }
}

struct Unanswered(u32);

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("nothing unanswered so far"),
            n => write!(f, "{n} unanswered so far"),
        }
    }
}

/// A round trip with a digit that means something.
struct Rtt(Duration);

impl fmt::Display for Rtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1e3)
    }
}
