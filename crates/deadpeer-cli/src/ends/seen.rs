//! What can be seen of a connection while it stands.

use std::time::Duration;

/// Something that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Bytes came.
    Received { bytes: usize },
    /// The peer's kernel answered something that carried no data.
    Answered,
    /// So many probes or retransmissions in a row have no answer.
    Unanswered {
        what: Question,
        count: u32,
        silent: Duration,
    },
    /// The peer was heard again after questions that had no answer.
    HeardAgain { unanswered: u32, silent: Duration },
    /// Nothing was heard for so long.
    Silent { silent: Duration, unanswered: u32 },
    /// The peer has no room for what waits here.
    WindowClosed { waiting: u32 },
    /// It has room again.
    WindowOpen { after: Duration },
    /// Both ends agreed on heartbeats: so long a silence is the end.
    Agreed { deadline: Duration },
    /// The peer's FIN: it will send nothing more.
    Fin,
    /// Our own sending half is shut down.
    ShutDown,
}

/// What the kernel asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Keepalive probes.
    Probe,
    /// Probes of a closed window.
    WindowProbe,
    /// Data or a FIN sent again.
    Retransmission,
    /// Heartbeats, which the other end's program answers.
    Ping,
}

impl Question {
    /// One word for JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::WindowProbe => "window-probe",
            Self::Retransmission => "retransmission",
            Self::Ping => "ping",
        }
    }

    /// Some of them, in words.
    pub(super) fn counted(self, count: u32) -> String {
        let what = match self {
            Self::Probe => "keepalive probe",
            Self::WindowProbe => "window probe",
            Self::Retransmission => "retransmission",
            Self::Ping => "ping",
        };
        match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        }
    }
}

impl Seen {
    /// One word for JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Received { .. } => "received",
            Self::Answered => "answered",
            Self::Unanswered { .. } => "unanswered",
            Self::HeardAgain { .. } => "heard-again",
            Self::Silent { .. } => "silent",
            Self::WindowClosed { .. } => "window-closed",
            Self::WindowOpen { .. } => "window-open",
            Self::Agreed { .. } => "agreed",
            Self::Fin => "fin",
            Self::ShutDown => "shut-down",
        }
    }

    /// Whether it is worth saying to everybody: it is not as it should be, or an end of something.
    pub(super) fn is_notable(self) -> bool {
        if let Self::Unanswered { count, .. } = self {
            return count.is_power_of_two();
        }
        !matches!(self, Self::Received { .. } | Self::Answered)
    }
}
