//! One connection judged: which settings count, what they promise, and whether that is soon enough.

use super::proof;
use deadpeer_core::{Effective, Finding, Forecast, Kernel, Notice, Snapshot, TcpInfo};
use deadpeer_host::{Connection, Settings, Socket, Unreadable, inheritance};
use std::time::Duration;

/// What every connection is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge {
    kernel: Kernel,
    untouched: Effective,
    /// The deadline.
    pub(super) within: Option<Duration>,
    middlebox: Option<Duration>,
}

/// When a vanished peer is noticed in the worst case of one kind of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Not at all.
    Never,
    /// By then, as the settings foretell.
    By(Duration),
    /// Not before: an armed timer has to run out first. More is not known.
    NotBefore(Duration),
    /// Nothing.
    Unknown,
}

/// Where a connection's settings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Basis {
    /// Read from the socket.
    Read(Effective),
    /// It waits in a listener's queue: the settings it will have got from there.
    Inherited(Effective),
    /// Not read, for this reason; `None`: not asked for.
    Unread(Option<Unreadable>),
    /// No process holds it: nobody can hang on it, and the kernel ends it by itself.
    Nobody,
}

/// Whether the deadline is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// In every silence.
    InTime,
    /// Not in every silence.
    Late,
    /// What is known does not decide it.
    Open,
    /// There is no deadline, or nobody who could miss it.
    None,
}

/// One connection or listener, judged.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) basis: Basis,
    pub(super) idle: Answer,
    pub(super) in_flight: Answer,
    pub(super) late_write: Answer,
    /// Everything that is foretold, where the settings are known.
    pub(super) forecast: Option<Forecast>,
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
    /// The options that its listener has and it has not.
    pub(super) not_inherited: Vec<&'static str>,
}

impl Judge {
    pub(super) fn new(
        kernel: Kernel,
        within: Option<Duration>,
        middlebox: Option<Duration>,
    ) -> Self {
        Self {
            kernel,
            untouched: Effective::untouched(&kernel.sysctls),
            within,
            middlebox,
        }
    }

    /// Judges a connection; `listener` is what its listener has set, if it has one.
    pub(super) fn judge(
        &self,
        connection: &Connection<'_>,
        info: Option<&TcpInfo>,
        listener: Option<&Effective>,
    ) -> Judged {
        let basis = Basis::of(connection, listener);
        match basis {
            Basis::Read(options) | Basis::Inherited(options) => {
                let snapshot = connection.snapshot(info);
                let mut judged = self.foretell(basis, &options, &snapshot);
                if let (Basis::Read(_), Some(listener)) = (basis, listener) {
                    judged.compare(listener, &options, &self.untouched);
                }
                judged
            }
            Basis::Unread(_) => self.proven(basis, connection.socket),
            Basis::Nobody => Judged {
                basis,
                idle: Answer::Unknown,
                in_flight: Answer::Unknown,
                late_write: Answer::Unknown,
                forecast: None,
                verdict: Verdict::None,
                findings: Vec::new(),
                not_inherited: Vec::new(),
            },
        }
    }

    fn foretell(&self, basis: Basis, options: &Effective, snapshot: &Snapshot) -> Judged {
        let forecast = Forecast::of(options, snapshot, &self.kernel);
        let mut findings: Vec<Finding> = Finding::of_settings(options, &forecast)
            .chain(Finding::of_armed_timer(options, snapshot))
            .collect();
        findings.extend(
            self.middlebox
                .and_then(|limit| Finding::of_middlebox(options, limit)),
        );
        let in_time = |within| forecast.worst_with(snapshot).meets(within);
        Judged {
            basis,
            idle: forecast.idle.worst.into(),
            in_flight: forecast.in_flight.worst.into(),
            late_write: forecast.late_write.worst.into(),
            forecast: Some(forecast),
            verdict: match self.within.map(in_time) {
                Some(true) => Verdict::InTime,
                Some(false) => Verdict::Late,
                None => Verdict::None,
            },
            findings,
            not_inherited: Vec::new(),
        }
    }

    fn proven(&self, basis: Basis, socket: &Socket<'_>) -> Judged {
        let idle = proof::idle(socket);
        Judged {
            basis,
            idle,
            in_flight: Answer::Unknown,
            // A late write comes before the verdict on an idle connection, and only puts it off.
            late_write: idle,
            forecast: None,
            verdict: match self.within {
                None => Verdict::None,
                Some(within) if idle.misses(within) => Verdict::Late,
                Some(_) => Verdict::Open,
            },
            findings: Vec::new(),
            not_inherited: Vec::new(),
        }
    }
}

impl Judged {
    fn compare(&mut self, listener: &Effective, options: &Effective, untouched: &Effective) {
        self.not_inherited = inheritance::missed(listener, options, untouched).collect();
        if !self.not_inherited.is_empty() {
            self.findings.push(Finding::NotInherited);
        }
    }

    /// The three answers that are shown.
    pub(super) fn answers(&self) -> [Answer; 3] {
        [self.idle, self.in_flight, self.late_write]
    }
}

impl Basis {
    fn of(connection: &Connection<'_>, listener: Option<&Effective>) -> Self {
        let socket = connection.socket;
        let queued = socket.state.may_send();
        match (connection.settings, listener) {
            _ if socket.inode.is_none() && !queued => return Self::Nobody,
            // Nobody has accepted it yet: only the kernel itself tells more than its listener.
            (Settings::Unknown(Unreadable::NoDescriptor), Some(options)) => {
                return Self::Inherited(*options);
            }
            _ => {}
        }
        match connection.settings {
            Settings::Known(options) => Self::Read(options),
            Settings::Unknown(why) => Self::Unread(Some(why)),
            Settings::NotAsked | _ => Self::Unread(None),
        }
    }

    /// The options, where they are known.
    pub(super) fn options(&self) -> Option<&Effective> {
        match self {
            Self::Read(options) | Self::Inherited(options) => Some(options),
            Self::Unread(_) | Self::Nobody => None,
        }
    }
}

impl Answer {
    /// Whether what is known already shows that the deadline is missed.
    pub(super) fn misses(self, within: Duration) -> bool {
        match self {
            Self::Never => true,
            Self::By(at) | Self::NotBefore(at) => at > within,
            Self::Unknown => false,
        }
    }

    /// A number to sort by, the worse the larger: never, then unknown, then the later the worse.
    pub(super) fn badness(self) -> u64 {
        match self {
            Self::Never => u64::MAX,
            Self::Unknown => u64::MAX - 1,
            Self::By(at) | Self::NotBefore(at) => u64::try_from(at.as_millis())
                .unwrap_or(u64::MAX)
                .min(u64::MAX - 2),
        }
    }
}

impl From<Notice> for Answer {
    fn from(notice: Notice) -> Self {
        notice.latest().map_or(Self::Never, Self::By)
    }
}
