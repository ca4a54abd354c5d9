//! How a connection ended: who noticed, what, and why.

use std::fmt;
use std::time::Duration;

use deadpeer_core::Cause;

use super::seen::Question;

/// The end of a connection at this end.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// Who ended it.
    pub(super) by: By,
    /// What showed it to the method in use.
    pub(super) sign: Sign,
    /// The cause, taken from the connection's error where there was one.
    pub(super) cause: Option<Cause>,
    /// The name of that error.
    pub(super) errno: Option<String>,
    /// For how long nothing had been heard.
    pub(super) silent: Option<Duration>,
    /// Questions in a row without an answer.
    pub(super) unanswered: u32,
    /// What the interfaces showed at that moment, whatever the method.
    pub(super) shown: Shown,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The peer: its FIN or RST came.
    Peer,
    /// This kernel, whose questions had no answer.
    Kernel(Question),
    /// deadpeer's own judgement.
    Supervision,
    /// Heartbeats had no answer, or broke their rules.
    Heartbeat,
    /// Somebody on this machine destroyed the socket.
    Administrator,
    /// Nobody: this end was told to end.
    Us,
    /// It does not show.
    Unknown,
}

/// What showed the end to the method in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// A read returned 0.
    ReadEnd,
    /// A read failed.
    ReadError,
    /// A write failed.
    WriteError,
    /// The state in TCP_INFO.
    State(&'static str),
    /// Bits of poll(2).
    Bits(String),
    /// The watch said so.
    Verdict,
    /// A heartbeat's deadline.
    Silence,
    /// Frames of the other end's: its last one, or one against the rules.
    Frame(String),
    /// A signal to this process.
    Interrupt,
}

/// What the interfaces show of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shown {
    /// The TCP state.
    pub(super) state: Option<&'static str>,
    /// Bits of poll(2) beside those of data: `RDHUP`, `ERR HUP RDHUP`.
    pub(super) bits: String,
}

impl By {
    /// Who brought a cause about.
    pub(super) fn of(cause: Cause, asked: Question) -> Self {
        match cause {
            Cause::PeerClosed
            | Cause::Closed
            | Cause::Reset
            | Cause::ResetAfterFin
            | Cause::Refused => Self::Peer,
            Cause::TimedOut
            | Cause::HostUnreachable
            | Cause::NetworkUnreachable
            | Cause::Prohibited => Self::Kernel(asked),
            Cause::Destroyed => Self::Administrator,
            Cause::Other(_) | Cause::Unknown | _ => Self::Unknown,
        }
    }

    /// What the kernel had asked in vain, where it was the kernel.
    pub(super) fn question(self) -> Option<Question> {
        let Self::Kernel(question) = self else {
            return None;
        };
        Some(question)
    }

    /// One word for JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Kernel(_) => "kernel",
            Self::Supervision => "supervision",
            Self::Heartbeat => "heartbeat",
            Self::Administrator => "administrator",
            Self::Us => "us",
            Self::Unknown => "unknown",
        }
    }
}

impl Ending {
    /// Whether the peer was lost: it vanished, or the connection broke. An orderly end is none, nor
    /// is ours.
    pub(super) fn is_loss(&self) -> bool {
        match self.by {
            By::Us => false,
            By::Supervision | By::Heartbeat | By::Kernel(_) | By::Administrator | By::Unknown => {
                true
            }
            By::Peer => !matches!(self.cause, Some(Cause::PeerClosed | Cause::Closed) | None),
        }
    }

    /// Why, in one sentence without a full stop.
    pub(super) fn why(&self) -> String {
        match (self.by, self.cause) {
            (By::Us, _) => "this end was told to stop".into(),
            (By::Supervision, None) => {
                "the peer stopped answering, and deadpeer judged it gone".into()
            }
            (_, Some(cause)) => cause.to_string(),
            (By::Heartbeat, None) if self.sign == Sign::Silence => {
                "the other end's program stopped answering".into()
            }
            (By::Heartbeat, None) => {
                "the other end gave up, or broke the rules of heartbeats".into()
            }
            (By::Peer, None) => "the other end left".into(),
            (_, None) => "nothing says why".into(),
        }
    }
}

/// "the kernel, by keepalive".
impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "the peer itself",
            Self::Kernel(Question::Probe) => "this kernel, by keepalive",
            Self::Kernel(Question::WindowProbe) => "this kernel, by probes of the closed window",
            Self::Kernel(Question::Retransmission) => "this kernel, by retransmission",
            Self::Kernel(Question::Ping) => "this kernel",
            Self::Supervision => "deadpeer's supervision",
            Self::Heartbeat => "the heartbeat",
            Self::Administrator => "an administrator of this machine",
            Self::Us => "nobody",
            Self::Unknown => "it does not show who",
        })
    }
}

/// "a read returned 0".
impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadEnd => f.write_str("a read returned 0"),
            Self::ReadError => f.write_str("a read failed"),
            Self::WriteError => f.write_str("a write failed"),
            Self::State(state) => write!(f, "the state {state} in TCP_INFO"),
            Self::Bits(bits) => write!(f, "the bits {bits} of poll"),
            Self::Verdict => f.write_str("an event of its watch"),
            Self::Silence => f.write_str("the deadline of its pings"),
            Self::Frame(words) => write!(f, "a frame: {words}"),
            Self::Interrupt => f.write_str("no end"),
        }
    }
}
