//! Why a heartbeat ends.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use deadpeer_core::Verdict;
use deadpeer_core::heartbeat::Violation;
use deadpeer_core::heartbeat::frame::{Bye, FrameError, Reason};

/// Why a connection with a heartbeat is over. An [`io::Error`] carries it; [`HeartbeatError::of`]
/// finds it there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HeartbeatError {
    /// The peer's application has said nothing for the deadline, though it was asked or had
    /// promised to speak.
    Silent {
        /// How long ago it was heard last, less the time in which we did not run ourselves.
        since: Duration,
        /// Pings without an answer.
        unanswered: u32,
        /// What the kernel's witness makes of it: [`Verdict::ApplicationSilent`] if the peer's
        /// kernel still answers. `None` if nobody asked it
        /// ([`HeartbeatStream::over_socket`](super::HeartbeatStream::over_socket) does).
        verdict: Option<Verdict>,
    },
    /// The peer takes nothing and says nothing: what we send has been waiting for the deadline,
    /// pings included.
    Stuck {
        /// How long ago something was taken last.
        since: Duration,
        /// How long ago the peer was heard last.
        silent: Duration,
    },
    /// What arrives is not the protocol.
    Frame(FrameError),
    /// The peer did what no peer may do: a pong that was never asked for, a flood of pings.
    Violation(Violation),
    /// The peer left with a complaint.
    Bye(Bye),
    /// The connection ended without a word: the peer's program was killed, crashed, or does not
    /// keep to the protocol.
    NoGoodbye,
    /// The peer has ended the connection in good order. Only those who wait for the end see this;
    /// a read sees the end of the data.
    Ended,
    /// The transport failed.
    Transport(Arc<io::Error>),
}

impl HeartbeatError {
    /// The reason that an I/O error carries, if it comes from a heartbeat.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// What to tell the peer; `None`: it won't hear it.
    pub(super) fn farewell(&self) -> Option<Bye> {
        let reason = match self {
            Self::Silent { .. } => Reason::Silent,
            Self::Stuck { .. } => Reason::Stuck,
            Self::Frame(FrameError::Truncated) => return None,
            Self::Frame(error) => error.reason(),
            Self::Violation(violation) => reason(violation),
            Self::Bye(_) | Self::NoGoodbye | Self::Ended | Self::Transport(_) => return None,
        };
        Some(Bye::because(reason, &self.to_string()))
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Silent { .. } | Self::Stuck { .. } => io::ErrorKind::TimedOut,
            Self::Frame(FrameError::Truncated) | Self::NoGoodbye => io::ErrorKind::UnexpectedEof,
            Self::Frame(_) | Self::Violation(_) => io::ErrorKind::InvalidData,
            Self::Bye(_) => io::ErrorKind::ConnectionAborted,
            Self::Ended => io::ErrorKind::BrokenPipe,
            Self::Transport(error) => error.kind(),
        }
    }
}

fn reason(violation: &Violation) -> Reason {
    match violation {
        Violation::TooManyPings { .. } => Reason::TooManyPings,
        Violation::TooSlow(_) => Reason::TooSlow,
        Violation::UnaskedPong { .. } | Violation::WrongEcho { .. } | _ => Reason::UnaskedPong,
    }
}

impl fmt::Display for HeartbeatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { since, verdict, .. } => {
                let s = since.as_secs_f64();
                match verdict {
                    Some(Verdict::ApplicationSilent { .. }) => write!(
                        f,
                        "the peer's application has been silent for {s:.1} s, though its kernel answers"
                    ),
                    Some(Verdict::Unreachable { .. } | Verdict::Unknown { .. }) => write!(
                        f,
                        "the peer has been silent for {s:.1} s, and its kernel does not answer either"
                    ),
                    Some(_) | None => write!(f, "the peer has been silent for {s:.1} s"),
                }
            }
            Self::Stuck { since, silent } => write!(
                f,
                "the peer has taken nothing for {:.1} s and said nothing for {:.1} s",
                since.as_secs_f64(),
                silent.as_secs_f64()
            ),
            Self::Frame(error) => error.fmt(f),
            Self::Violation(violation) => violation.fmt(f),
            Self::Bye(bye) => write!(f, "the peer left: {bye}"),
            Self::NoGoodbye => f.write_str("the connection ended without a goodbye"),
            Self::Ended => f.write_str("the peer has ended the connection"),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HeartbeatError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Frame(error) => Some(error),
            Self::Violation(error) => Some(error),
            Self::Transport(error) => Some(error),
            Self::Silent { .. }
            | Self::Stuck { .. }
            | Self::Bye(_)
            | Self::NoGoodbye
            | Self::Ended => None,
        }
    }
}

impl From<FrameError> for HeartbeatError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<Violation> for HeartbeatError {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<io::Error> for HeartbeatError {
    fn from(error: io::Error) -> Self {
        Self::Transport(Arc::new(error))
    }
}

/// An errno of the transport stays one.
impl From<HeartbeatError> for io::Error {
    fn from(error: HeartbeatError) -> Self {
        if let HeartbeatError::Transport(transport) = &error
            && let Some(errno) = transport.raw_os_error()
        {
            return Self::from_raw_os_error(errno);
        }
        Self::new(error.kind(), error)
    }
}
