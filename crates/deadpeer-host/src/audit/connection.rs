//! One connection judged: which settings count, what they promise, and whether that is soon enough.

use std::time::Duration;

use deadpeer_core::{Effective, Finding, Forecast, Kernel, Snapshot, TcpInfo};
use deadpeer_sys::sock_diag::Socket;

use super::basis::Basis;
use super::bound::Bound;
use super::closed::GivenUp;
use super::foretold::{Foretold, Kind};
use super::{inheritance, proof};
use crate::table::Connection;

/// What connections are judged by: the kernel they are on, and a deadline.
#[derive(Debug, Clone, Copy)]
pub struct Audit {
    kernel: Kernel,
    untouched: Effective,
    within: Option<Duration>,
    middlebox: Option<Duration>,
}

/// Whether a deadline is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compliance {
    /// In every silence.
    InTime,
    /// Not in every silence.
    Late,
    /// What is known does not decide it.
    Undecided,
    /// There is none, or nobody who could miss it.
    NotJudged,
}

/// One connection or listener, judged.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Judgement {
    /// What it is judged by.
    pub basis: Basis,
    /// When a peer that vanishes is noticed while the connection is idle.
    pub idle: Bound,
    /// The same with data in flight.
    pub in_flight: Bound,
    /// The same if the application writes just before keepalive's verdict.
    pub late_write: Bound,
    /// Whether it keeps the deadline, in the silence it is in as well.
    pub compliance: Compliance,
    /// What is odd about its settings.
    pub findings: Vec<Finding>,
    /// The options that its listener has and it has not.
    pub not_inherited: Vec<&'static str>,
    /// When the kernel gives it up, if its program has closed it and its peer stays silent.
    pub given_up: Option<GivenUp>,
}

impl Audit {
    /// Judges by what this kernel, with the sysctls of one namespace, makes of settings, and by no
    /// deadline.
    #[must_use]
    pub fn new(kernel: &Kernel) -> Self {
        Self {
            kernel: *kernel,
            untouched: Effective::untouched(&kernel.sysctls),
            within: None,
            middlebox: None,
        }
    }

    /// Judges by a deadline as well.
    #[must_use]
    pub fn within(self, within: Option<Duration>) -> Self {
        Self { within, ..self }
    }

    /// Judges connections through a middlebox that forgets them after this long without a packet.
    #[must_use]
    pub fn behind_middlebox(self, middlebox: Option<Duration>) -> Self {
        Self { middlebox, ..self }
    }

    /// The deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.within
    }

    pub(super) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Judges a connection. `info` is [`Connection::tcp_info`], if decoded; `listener` is what its
    /// listener has set, if it has one.
    #[must_use]
    pub fn judge(
        &self,
        connection: &Connection<'_>,
        info: Option<&TcpInfo>,
        listener: Option<&Effective>,
    ) -> Judgement {
        let snapshot = connection.snapshot(info);
        self.judge_with(&mut Foretold::default(), connection, &snapshot, listener)
    }

    /// The same, with what is known of other connections.
    pub(super) fn judge_with(
        &self,
        foretold: &mut Foretold,
        connection: &Connection<'_>,
        snapshot: &Snapshot,
        listener: Option<&Effective>,
    ) -> Judgement {
        let basis = Basis::of(connection, listener);
        match basis {
            Basis::Read(options) | Basis::Inherited(options) => {
                let kind = foretold.of(self, &options, snapshot);
                let mut judged = self.promised(basis, &options, snapshot, kind);
                if let (Basis::Read(_), Some(listener)) = (basis, listener) {
                    judged.compare(listener, &options, &self.untouched);
                }
                judged
            }
            Basis::Unread(_) => self.proven(basis, connection.socket),
            Basis::Nobody => Judgement {
                given_up: self.given_up(connection, snapshot, &self.untouched),
                ..Judgement::unknown(basis)
            },
        }
    }

    /// Everything that is foretold of a connection with these settings, this moment included.
    #[must_use]
    pub fn forecast(&self, options: &Effective, snapshot: &Snapshot) -> Forecast {
        Forecast::of(options, snapshot, &self.kernel)
    }

    /// What all connections with these settings and this path have in common.
    pub(super) fn kind(&self, options: &Effective, path: &Snapshot) -> Kind {
        let forecast = self.forecast(options, path);
        let limit = self.middlebox;
        Kind {
            findings: Finding::of_settings(options, &forecast)
                .chain(Finding::of_close(&forecast.after_close))
                .collect(),
            forgotten: limit.and_then(|limit| Finding::of_middlebox(options, limit)),
            forecast,
        }
    }

    /// What settings promise.
    fn promised(
        &self,
        basis: Basis,
        options: &Effective,
        snapshot: &Snapshot,
        kind: &Kind,
    ) -> Judgement {
        let forecast = &kind.forecast;
        let in_time = |within| forecast.worst_with(snapshot).meets(within);
        let mut findings = kind.findings.clone();
        findings.extend(Finding::of_armed_timer(options, snapshot));
        findings.extend(kind.forgotten);
        Judgement {
            idle: forecast.idle.worst.into(),
            in_flight: forecast.in_flight.worst.into(),
            late_write: forecast.late_write.worst.into(),
            compliance: match self.within.map(in_time) {
                Some(true) => Compliance::InTime,
                Some(false) => Compliance::Late,
                None => Compliance::NotJudged,
            },
            findings,
            ..Judgement::unknown(basis)
        }
    }

    /// What the armed timer proves where the settings are unknown.
    fn proven(&self, basis: Basis, socket: &Socket<'_>) -> Judgement {
        let idle = proof::idle(socket);
        Judgement {
            idle,
            // A late write comes before the verdict on an idle connection, and only puts it off.
            late_write: idle,
            compliance: match self.within {
                None => Compliance::NotJudged,
                Some(within) if idle.misses(within) => Compliance::Late,
                Some(_) => Compliance::Undecided,
            },
            ..Judgement::unknown(basis)
        }
    }
}

impl Judgement {
    fn unknown(basis: Basis) -> Self {
        Self {
            basis,
            idle: Bound::Unknown,
            in_flight: Bound::Unknown,
            late_write: Bound::Unknown,
            compliance: Compliance::NotJudged,
            findings: Vec::new(),
            not_inherited: Vec::new(),
            given_up: None,
        }
    }

    fn compare(&mut self, listener: &Effective, options: &Effective, untouched: &Effective) {
        self.not_inherited = inheritance::missed(listener, options, untouched).collect();
        if !self.not_inherited.is_empty() {
            self.findings.push(Finding::NotInherited);
        }
    }

    /// When a vanished peer is noticed in each silence that every connection is judged by, in the
    /// order of [`Silence::JUDGED`](deadpeer_core::Silence::JUDGED).
    #[must_use]
    pub fn bounds(&self) -> [Bound; 3] {
        [self.idle, self.in_flight, self.late_write]
    }
}
