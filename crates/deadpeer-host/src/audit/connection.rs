//! One connection judged: which settings count, what they promise, and whether that is soon enough.

use std::time::Duration;

use deadpeer_core::forecast::Waiting;
use deadpeer_core::{Effective, Finding, Forecast, Kernel, Notice, Silence, Snapshot, TcpState};
use deadpeer_sys::sock_diag::Socket;

use super::basis::Basis;
use super::bound::Bound;
use super::closed::GivenUp;
use super::foretold::{Foretold, Kind};
use super::timers::Timers;
use super::totals::Asked;
use super::unread::Unread;
use super::{inheritance, proof};
use crate::table::Connection;

/// What connections are judged by: the kernel they are on, and a deadline.
#[derive(Debug, Clone, Copy)]
pub struct Audit {
    kernel: Kernel,
    untouched: Effective,
    within: Option<Duration>,
    survive_lost: u32,
    middlebox: Option<Duration>,
}

/// Whether a deadline is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
pub struct Judgement {
    /// What it is judged by.
    pub basis: Basis,
    /// When a peer that vanishes is noticed while the connection is idle.
    pub idle: Bound,
    /// The same with data in flight.
    pub in_flight: Bound,
    /// The same if the application writes just before keepalive's verdict.
    pub late_write: Bound,
    /// When the kernel ends it if its peer is gone at this moment, by the timers that are armed;
    /// `None`: not known, or there is no peer, or it is idle and ends as its settings promise
    /// ([`Snapshot::ends`] tells).
    pub ends: Option<Notice>,
    /// Whether it keeps the deadline, in the silence it is in as well, and as its timers are armed.
    pub compliance: Compliance,
    /// Whether it misses the deadline by a retransmission or a window probe alone that is armed far
    /// ahead: no setting shortens that wait.
    pub armed_ahead: bool,
    /// What is odd about its settings and its state.
    pub findings: Vec<Finding>,
    /// What it waits for of its peer, for longer than a lost packet explains.
    pub waiting: Option<Waiting>,
    /// What its own program has not read for long.
    pub unread: Option<Unread>,
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
            survive_lost: 0,
            middlebox: None,
        }
    }

    /// The same on another kernel, or with the sysctls of another namespace.
    #[must_use]
    pub fn on(self, kernel: &Kernel) -> Self {
        Self {
            kernel: *kernel,
            untouched: Effective::untouched(&kernel.sysctls),
            ..self
        }
    }

    /// Judges by a deadline as well.
    #[must_use]
    pub fn within(self, within: Option<Duration>) -> Self {
        Self { within, ..self }
    }

    /// Judges by the lost probes in a row that a live peer is to survive as well.
    #[must_use]
    pub fn survive_lost(mut self, survive_lost: u32) -> Self {
        self.survive_lost = survive_lost;
        self
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

    pub(super) fn middlebox(&self) -> Option<Duration> {
        self.middlebox
    }

    pub(super) fn asked(&self) -> Asked {
        Asked {
            deadline: self.within.is_some(),
            survive_lost: self.survive_lost > 0,
            middlebox: self.middlebox.is_some(),
        }
    }

    pub(super) fn untouched(&self) -> &Effective {
        &self.untouched
    }

    pub(crate) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Judges a connection at the moment of the snapshot. `listener` is what its listener has set,
    /// if it has one; `foretold` remembers what connections like it have in common, and
    /// is this audit's own.
    #[must_use]
    pub fn judge(
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
                let mut judged = self.promised(basis, connection, &options, snapshot, kind);
                if let (Basis::Read(_), Some(listener)) = (basis, listener) {
                    judged.compare(listener, &options, &self.untouched);
                }
                judged
            }
            Basis::Unread(_) => Judgement {
                waiting: snapshot.waiting(None, &self.kernel),
                unread: Unread::of(connection, snapshot),
                findings: self.of_state(connection, snapshot).collect(),
                ..self.proven(basis, connection.socket)
            },
            Basis::Nobody => self.nobodys(connection, snapshot, listener),
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
        let supervised = Finding::of_supervision(options, &self.kernel);
        Kind {
            findings: match supervised {
                // What the kernel alone would do is no part of it.
                Some(supervised) => vec![supervised],
                None => Finding::of_settings(options, &forecast, self.survive_lost)
                    .chain(Finding::of_close(&forecast.after_close))
                    .collect(),
            },
            supervised: supervised.is_some(),
            forecast,
        }
    }

    /// What settings promise, and what the armed timers make of it.
    fn promised(
        &self,
        basis: Basis,
        connection: &Connection<'_>,
        options: &Effective,
        snapshot: &Snapshot,
        kind: &Kind,
    ) -> Judgement {
        let forecast = &kind.forecast;
        let mut findings = kind.findings.clone();
        findings.extend(self.of_state(connection, snapshot));
        let may_idle = Silence::still_to_come(snapshot.state).contains(&Silence::Idle);
        if let Some(limit) = self.middlebox.filter(|_| may_idle) {
            findings.extend(Finding::of_middlebox(options, snapshot, limit));
        }
        let judged = Judgement {
            findings,
            waiting: snapshot.waiting(Some(options), &self.kernel),
            unread: Unread::of(connection, snapshot),
            ..Judgement::unknown(basis)
        };
        if kind.supervised {
            return judged.left_to_the_program(self.within);
        }
        let in_flight = || forecast.in_flight.worst;
        let timers = Timers::of(options, snapshot, &self.kernel, in_flight);
        let bound = |silence| match Silence::still_to_come(snapshot.state).contains(&silence) {
            true => Bound::from(forecast.outlook(silence).worst),
            false => Bound::RuledOut,
        };
        let here = |silence| timers.counted_in(silence, snapshot);
        let by_settings = |within| {
            let worst = forecast.worst_with(snapshot);
            worst.is_none_or(|notice| notice.meets(within))
        };
        let by_timers = |within| {
            let latest = timers.latest();
            latest.is_none_or(|notice| notice.meets(within))
        };
        let in_time = |within| by_settings(within) && by_timers(within);
        let mut judged = Judgement {
            idle: bound(Silence::Idle).or_later(here(Silence::Idle)),
            in_flight: bound(Silence::InFlight).or_later(here(Silence::InFlight)),
            late_write: bound(Silence::LateWrite).or_later(timers.late_write),
            ends: timers.ends,
            compliance: match self.within.map(in_time) {
                Some(true) => Compliance::InTime,
                Some(false) => Compliance::Late,
                None => Compliance::NotJudged,
            },
            armed_ahead: snapshot.silence() != Some(Silence::Idle)
                && self
                    .within
                    .is_some_and(|within| by_settings(within) && !by_timers(within)),
            ..judged
        };
        judged.findings.extend(timers.differs);
        judged
            .findings
            .extend(Finding::of_end(forecast, snapshot, timers.ends));
        judged
    }

    /// What the state shows, whatever the settings are.
    fn of_state(
        &self,
        connection: &Connection<'_>,
        snapshot: &Snapshot,
    ) -> impl Iterator<Item = Finding> + use<> {
        let socket = connection.socket;
        let found = if socket.state == TcpState::Listen {
            Finding::of_accept_queue(socket.rqueue, socket.wqueue)
        } else {
            let of_state = |_| match connection.is_unclosed() {
                true => {
                    let mut seen = *snapshot;
                    seen.state = TcpState::CloseWait;
                    Finding::of_state(&seen)
                }
                false => Finding::of_state(snapshot),
            };
            // What waits in a queue no program can have closed yet.
            socket.inode.and_then(of_state)
        };
        found.into_iter()
    }

    /// Not known, if anything is asked.
    fn undecided(&self) -> Compliance {
        match self.asked() == Asked::default() {
            true => Compliance::NotJudged,
            false => Compliance::Undecided,
        }
    }

    /// What the armed timer proves where the settings are unknown.
    fn proven(&self, basis: Basis, socket: &Socket<'_>) -> Judgement {
        let (idle, in_flight) = (proof::idle(socket), proof::in_flight(socket));
        Judgement {
            idle,
            in_flight,
            // A late write comes before the verdict on an idle connection, and only puts it off.
            late_write: idle,
            compliance: match self.within {
                Some(within) if idle.misses(within) || in_flight.misses(within) => Compliance::Late,
                Some(_) | None => self.undecided(),
            },
            ..Judgement::unknown(basis)
        }
    }
}

impl Judgement {
    pub(super) fn unknown(basis: Basis) -> Self {
        Self {
            basis,
            idle: Bound::Unknown,
            in_flight: Bound::Unknown,
            late_write: Bound::Unknown,
            ends: None,
            compliance: Compliance::NotJudged,
            armed_ahead: false,
            findings: Vec::new(),
            waiting: None,
            unread: None,
            not_inherited: Vec::new(),
            given_up: None,
        }
    }

    /// The same of a connection that its own program judges.
    fn left_to_the_program(self, within: Option<Duration>) -> Self {
        Self {
            idle: Bound::ByProgram,
            in_flight: Bound::ByProgram,
            late_write: Bound::ByProgram,
            compliance: match within {
                Some(_) => Compliance::Undecided,
                None => Compliance::NotJudged,
            },
            ..self
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
