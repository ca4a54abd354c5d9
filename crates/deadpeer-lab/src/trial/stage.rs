//! What all cases of a trial share, and how each of them begins.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpeer_core::{Effective, Forecast, Kernel, Notice, Snapshot, TcpInfo, TcpState};
use deadpeer_sys::{pidfd, sockopt};

use super::client::Party;
use super::ending::Circumstances;
use super::path::Path;
use super::seen::Seen;
use super::watch::{TICK, Watch};
use super::{Case, CaseVerdict, Ended, Trial, TrialError};
use crate::host::Host;
use crate::lab::Lab;

/// How long clients may take to be accepted, and a server to answer.
const BOUND: Duration = Duration::from_secs(10);

/// A server has nothing more to say after so long a silence.
const QUIET: Duration = Duration::from_millis(400);

/// A client's program has done what it does at first after so long a silence.
const SETTLED: Duration = Duration::from_secs(1);

/// What all cases share.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) trial: &'a Trial,
    pub(super) lab: &'a Lab,
    pub(super) server: &'a Host,
    /// Where clients reach the server.
    pub(super) address: SocketAddr,
    pub(super) kernel: &'a Kernel,
    pub(super) watch: &'a Watch,
    pub(super) interrupted: &'a AtomicBool,
}

/// Why a case did not come about.
#[derive(Debug)]
pub(super) enum Hitch {
    /// The server cannot be brought there; says why.
    Unreached(String),
    /// Something broke.
    Failed(TrialError),
}

/// A case that was played to its end.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) verdict: CaseVerdict,
    pub(super) known: Known,
    pub(super) connections: usize,
}

/// What is known of the settings of a case's connections.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) settings: Option<Effective>,
    pub(super) forecast: Option<Notice>,
    /// For every kind of silence.
    pub(super) promised: Option<Forecast>,
}

impl Known {
    /// What decides beside the fault.
    pub(super) fn circumstances(&self) -> Circumstances {
        let user_timeout_ms = self.settings.and_then(|settings| settings.user_timeout_ms);
        Circumstances {
            user_timeout: user_timeout_ms.map(|ms| Duration::from_millis(ms.into())),
            ..Circumstances::default()
        }
    }
}

impl Played {
    /// A case that came to no answer.
    pub(super) fn unclear(why: impl Into<String>) -> Self {
        Self {
            verdict: CaseVerdict::Unclear { why: why.into() },
            known: Known::default(),
            connections: 0,
        }
    }
}

impl<E: Into<TrialError>> From<E> for Hitch {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Hitch {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self::Unreached(why.into())
    }
}

impl<'a> Stage<'a> {
    /// The path between the server and a client's host.
    pub(super) fn path(&self, client: &'a Host) -> Path<'a> {
        Path::new(self.lab.wire(), self.server, client)
    }

    /// Starts the clients of a case and waits until the server has accepted them.
    pub(super) fn gather(&self, host: &Host, window: Option<usize>) -> Result<Party, Hitch> {
        let many = self.trial.clients;
        let mut party = Party::start(host, &self.trial.client, many, self.address, window)?;
        let standing = || self.standing(host).len();
        self.until(self.trial.patience(), || {
            party.read(1 << 16);
            standing() >= many || party.is_over() || party.ended().is_some()
        })?;
        if matches!(party, Party::Programs(_)) {
            self.settle(host)?;
        }
        if standing() >= many {
            self.open(&mut party, host)?;
            return Ok(party);
        }
        if let Some((status, words)) = party.ended() {
            let status = Some(status);
            return Err(TrialError::ClientEnded { status, words }.into());
        }
        let accepted = standing();
        Err(Hitch::because(format!(
            "the server accepted {accepted} of {many} connections{}",
            party.heard("; it answered: ")
        )))
    }

    /// Waits until programs have said what they say by themselves after connecting: login,
    /// subscription. One that never stops talking is taken as it is.
    fn settle(&self, host: &Host) -> Result<bool, TrialError> {
        let moved = || {
            let standing = self.standing(host).into_iter();
            standing.map(|seen| (seen.cookie, seen.last.moved))
        };
        let mut before: Vec<_> = moved().collect();
        let mut since = Instant::now();
        self.until(BOUND, || {
            let now: Vec<_> = moved().collect();
            if now != before {
                (before, since) = (now, Instant::now());
            }
            since.elapsed() > SETTLED
        })
    }

    /// Says how a session begins and hears the answer out.
    fn open(&self, party: &mut Party, host: &Host) -> Result<(), Hitch> {
        let Some(opening) = &self.trial.opening else {
            return Ok(());
        };
        party.say(opening);
        self.hear_out(party, host)?;
        self.all_stand(party, host)
    }

    /// The connections from a host that stand.
    pub(super) fn standing(&self, host: &Host) -> Vec<Seen> {
        let mut seen = self.watch.accepted_from(host);
        seen.retain(Seen::stands);
        seen
    }

    /// How the same connections stand now.
    pub(super) fn again(&self, host: &Host, mine: &[Seen]) -> Vec<Seen> {
        let mut now = self.watch.accepted_from(host);
        now.retain(|seen| mine.iter().any(|my| my.cookie == seen.cookie));
        now
    }

    /// Says what there is to say and hears the answer out. The connections stand afterwards.
    pub(super) fn converse(&self, party: &mut Party, host: &Host) -> Result<(), Hitch> {
        if let Some(words) = &self.trial.send {
            party.say(words);
            self.hear_out(party, host)?;
        }
        self.all_stand(party, host)
    }

    fn all_stand(&self, party: &Party, host: &Host) -> Result<(), Hitch> {
        let standing = self.standing(host).len();
        match standing >= self.trial.clients {
            true => Ok(()),
            false => Err(Hitch::because(format!(
                "the server closes the connection after its answer{}",
                party.heard(": ")
            ))),
        }
    }

    /// Reads until the server has said nothing for a while and everything is acknowledged.
    pub(super) fn hear_out(&self, party: &mut Party, host: &Host) -> Result<(), Hitch> {
        let mut heard = Instant::now();
        let settled = self.until(BOUND, || {
            let waiting = |seen: &Seen| seen.last.unacknowledged > 0;
            if party.read(1 << 16) > 0 || self.standing(host).iter().any(waiting) {
                heard = Instant::now();
            }
            heard.elapsed() > QUIET
        })?;
        match settled {
            true => Ok(()),
            false => Err(Hitch::because("the server never stops talking")),
        }
    }

    /// Looks until something holds or the time is over; whether it holds. Ends early with the
    /// server.
    pub(super) fn until(
        &self,
        bound: Duration,
        mut holds: impl FnMut() -> bool,
    ) -> Result<bool, TrialError> {
        let began = Instant::now();
        loop {
            if holds() {
                return Ok(true);
            }
            if began.elapsed() >= bound {
                return Ok(false);
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(TrialError::Interrupted);
            }
            if self.watch.not_listening() {
                return Err(TrialError::Ended {
                    ended: Ended::NotListening,
                    words: String::new(),
                });
            }
            std::thread::sleep(TICK);
        }
    }

    /// Reads the settings of the first of these connections that can be read, and what they promise
    /// in a state.
    pub(super) fn known(&self, seen: &[Seen], case: Case) -> Known {
        let Some((settings, info)) = seen.iter().find_map(|seen| self.read(seen)) else {
            return Known::default();
        };
        let mut snapshot = Snapshot::from_info(&info);
        snapshot.state = TcpState::Established;
        let forecast = Forecast::of(&settings, &snapshot, self.kernel);
        Known {
            settings: Some(settings),
            forecast: Some(match case {
                Case::Vanish { state, .. } | Case::Untried(state) => {
                    forecast.outlook(state.silence()).worst
                }
                Case::Live(_) | Case::Middlebox => forecast.slow_reader,
            }),
            promised: Some(forecast),
        }
    }

    /// Borrows the descriptor of a connection for as long as it takes to read its options.
    fn read(&self, seen: &Seen) -> Option<(Effective, TcpInfo)> {
        let (pid, fd) = self.watch.holders().of(seen.inode?)?;
        let socket = pidfd::descriptor(pidfd::open(pid).ok()?, fd).ok()?;
        if sockopt::cookie(&socket).ok()? != seen.cookie {
            return None;
        }
        let settings = sockopt::effective(&socket).ok()?;
        Some((settings, deadpeer_sys::tcp_info(&socket).ok()?))
    }
}
