//! One connection judged: which settings count, what they promise, and whether that is soon enough.

use std::time::Duration;

use deadpeer_core::{Effective, Finding, Forecast, Kernel, Snapshot, TcpInfo};
use deadpeer_sys::sock_diag::Socket;

use super::basis::Basis;
use super::bound::Bound;
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
    /// Everything that is foretold, where the settings are known.
    pub forecast: Option<Forecast>,
    /// Whether it keeps the deadline, in the silence it is in as well.
    pub compliance: Compliance,
    /// What is odd about its settings.
    pub findings: Vec<Finding>,
    /// The options that its listener has and it has not.
    pub not_inherited: Vec<&'static str>,
}

impl Audit {
    /// Judges by what this kernel, with the sysctls of one namespace, makes of settings, and by no deadline.
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

    /// Judges a connection. `info` is [`Connection::tcp_info`], if decoded; `listener` is what its listener has set, if it has one.
    #[must_use]
    pub fn judge(
        &self,
        connection: &Connection<'_>,
        info: Option<&TcpInfo>,
        listener: Option<&Effective>,
    ) -> Judgement {
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
            Basis::Nobody => Judgement::unknown(basis),
        }
    }

    fn foretell(&self, basis: Basis, options: &Effective, snapshot: &Snapshot) -> Judgement {
        let forecast = Forecast::of(options, snapshot, &self.kernel);
        let findings = Finding::of_settings(options, &forecast)
            .chain(Finding::of_armed_timer(options, snapshot));
        let limit = self.middlebox;
        let forgets = limit.and_then(|limit| Finding::of_middlebox(options, limit));
        let in_time = |within| forecast.worst_with(snapshot).meets(within);
        Judgement {
            idle: forecast.idle.worst.into(),
            in_flight: forecast.in_flight.worst.into(),
            late_write: forecast.late_write.worst.into(),
            compliance: match self.within.map(in_time) {
                Some(true) => Compliance::InTime,
                Some(false) => Compliance::Late,
                None => Compliance::NotJudged,
            },
            findings: findings.chain(forgets).collect(),
            forecast: Some(forecast),
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
            forecast: None,
            compliance: Compliance::NotJudged,
            findings: Vec::new(),
            not_inherited: Vec::new(),
        }
    }

    fn compare(&mut self, listener: &Effective, options: &Effective, untouched: &Effective) {
        self.not_inherited = inheritance::missed(listener, options, untouched).collect();
        if !self.not_inherited.is_empty() {
            self.findings.push(Finding::NotInherited);
        }
    }

    /// When a vanished peer is noticed in each silence that every connection is judged by, in the order of
    /// [`Silence::JUDGED`](deadpeer_core::Silence::JUDGED).
    #[must_use]
    pub fn bounds(&self) -> [Bound; 3] {
        [self.idle, self.in_flight, self.late_write]
    }
}
