//! Holding a trial: the lab, the server, and all cases at the same time.

use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deadpeer_core::Forecast;

use super::client::Party;
use super::server::Server;
use super::stage::{Hitch, Known, Played, Stage};
use super::watch::{TICK, Watch};
use super::{
    Case, CaseVerdict, Client, Outcome, Report, Trial, TrialError, judge, live, untried, vanish,
};
use crate::host::Host;
use crate::lab::Lab;
use crate::router::End;

/// What a trial is about to do, for a person who waits.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The server is being started.
    Starting,
    /// The server listens, and the cases begin.
    Listening {
        /// Where.
        address: SocketAddr,
        /// How many cases there are.
        cases: usize,
    },
    /// A case has ended.
    Done {
        /// What came of it. Of a client that was dropped the other cases may still show that this
        /// is how the server treats everybody.
        outcome: &'a Outcome,
        /// How many have ended.
        cases: usize,
        /// Of how many.
        of: usize,
    },
}

/// How long a fresh server may take until clients stay connected: some listen before they are
/// ready.
const READY: Duration = Duration::from_secs(10);

/// How long a client's program may take until it has a connection: some start slowly.
const STARTED: Duration = Duration::from_secs(60);

/// How long a first client has to stay connected.
const STAYS: Duration = Duration::from_millis(500);

/// A server that closes so soon, before it was told anything, wants no such clients.
const AT_ONCE: Duration = Duration::from_millis(200);

/// What becomes of a first client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Connected,
    /// The server closed before the client had said a word.
    Refused,
    /// It closed later, or there was no connection.
    Closed,
}

/// The names of the two hosts that every trial has.
const SERVER: &str = "server";
const FIRST: &str = "first";

impl Trial {
    /// Holds the trial, inside an [`enclosure`](crate::enclosure). Ends early once `interrupted` is
    /// set: cases that were not over are unclear then, and the report says so.
    ///
    /// Takes little longer than the deadline. What it started has ended when it returns, but for
    /// processes that left the server's process group; those end with the enclosure.
    ///
    /// # Errors
    /// There is no answer about the server: it does not start, stay or listen; its clients cannot
    /// connect; or the lab could not be built.
    pub fn run(
        &self,
        interrupted: &AtomicBool,
        progress: impl Fn(Progress<'_>) + Sync,
    ) -> Result<Report, TrialError> {
        let began = Instant::now();
        let cases = Case::all(self);
        if self.server.is_empty() || self.clients == 0 || self.within.is_zero() {
            return Err(TrialError::Nothing);
        }
        if cases.len() + 2 > End::MOST {
            return Err(TrialError::TooManyCases(cases.len()));
        }
        progress(Progress::Starting);
        let names = [SERVER, FIRST].map(String::from).into_iter();
        let numbers = (1..=cases.len()).map(|number| format!("case {number}"));
        let lab = Lab::with_hosts(names.chain(numbers)).start()?;
        let Some(([server_host, first], hosts)) = lab.hosts().split_first_chunk() else {
            return Err(TrialError::Nothing);
        };
        let kernel = server_host.enter(deadpeer_sys::running_kernel)??;
        let mut server = Server::start(self, server_host, interrupted)?;
        let address = server.address;
        let watch = Watch::default();
        let stage = Stage {
            trial: self,
            lab: &lab,
            server: server_host,
            address,
            kernel: &kernel,
            watch: &watch,
            interrupted,
        };
        progress(Progress::Listening {
            address,
            cases: cases.len(),
        });
        let outcomes = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| watch.run(server_host, self.port));
            let outcomes = stage
                .first(first)
                .and_then(|()| stage.play_all(&cases, hosts, &progress));
            watch.stop();
            let watched = join(watcher);
            outcomes.and_then(|outcomes| watched.map(|()| outcomes))
        });
        // A server that has ended is the reason, whatever else went wrong.
        let interrupted = interrupted.load(Ordering::Relaxed);
        if !interrupted {
            server.check(watch.listening())?;
        }
        let played = outcomes?;
        let untried = untried::foretell(self, &played);
        let mut outcomes: Vec<Outcome> = played.into_iter().map(|(outcome, _)| outcome).collect();
        judge::forgive(&mut outcomes, self.within, self.may_drop_slow);
        outcomes.extend(untried);
        Ok(Report {
            address,
            kernel,
            outcomes,
            interrupted,
            took: began.elapsed(),
        })
    }

    /// How long clients may take until they are connected.
    pub(super) fn patience(&self) -> Duration {
        match self.client {
            Client::Plain => READY,
            Client::Command(_) => STARTED,
        }
    }

    /// Whether somebody asked for a case by name, who is owed an answer about it.
    fn asked_for(&self, case: Case) -> bool {
        match case {
            Case::Vanish { state, .. } => self.states.as_ref().is_some_and(|s| s.contains(&state)),
            Case::Live(_) | Case::Untried(_) | Case::Middlebox => false,
        }
    }
}

impl Stage<'_> {
    /// Connects clients until they stay connected, or answers come and the server closes by itself.
    fn first(&self, host: &Host) -> Result<(), TrialError> {
        let began = Instant::now();
        loop {
            let mut party = Party::start(host, &self.trial.client, 1, self.address, None)?;
            let stays = self.stays(&mut party, host)?;
            if stays == Stays::Refused && began.elapsed() > READY {
                return Err(TrialError::ClosedAtOnce {
                    server: self.address,
                    words: party.heard("; it answered: "),
                });
            }
            let ended = party.ended();
            // What the shell says of a command that there isn't, or that may not be run.
            let absent =
                |(status, _): &(ExitStatus, String)| matches!(status.code(), Some(126 | 127));
            let over =
                began.elapsed() > self.trial.patience() || ended.as_ref().is_some_and(absent);
            match ended {
                None if stays == Stays::Connected => return Ok(()),
                ended if over => return self.never_stays(ended),
                _ => drop(party),
            }
            self.until(TICK * 10, || false)?;
        }
    }

    /// Whether a client has a connection for a while, and after it has said what there is to say.
    fn stays(&self, party: &mut Party, host: &Host) -> Result<Stays, TrialError> {
        let connected = self.until(self.trial.patience(), || {
            party.read(1 << 16);
            party.is_over() || party.ended().is_some() || !self.standing(host).is_empty()
        })?;
        // Before the client has said a word.
        let refused = self.until(AT_ONCE, || {
            party.read(1 << 16);
            party.is_over()
        })?;
        if refused {
            return Ok(Stays::Refused);
        }
        for words in self.trial.opening.iter().chain(&self.trial.send) {
            party.say(words);
        }
        let closed = self.until(STAYS, || {
            party.read(1 << 16);
            self.standing(host).is_empty()
        })?;
        Ok(match connected && !closed {
            true => Stays::Connected,
            false => Stays::Closed,
        })
    }

    fn never_stays(&self, ended: Option<(ExitStatus, String)>) -> Result<(), TrialError> {
        let (status, words) = ended.unzip();
        match self.trial.client {
            // A server may close after each answer; the cases will show it.
            Client::Plain => Ok(()),
            Client::Command(_) => Err(TrialError::ClientEnded {
                status,
                words: words.unwrap_or_default(),
            }),
        }
    }

    /// Plays all cases at the same time, each with a host of its own.
    fn play_all(
        &self,
        cases: &[Case],
        hosts: &[Host],
        progress: &(impl Fn(Progress<'_>) + Sync),
    ) -> Result<Vec<(Outcome, Option<Forecast>)>, TrialError> {
        let done = AtomicUsize::new(0);
        let play = |case: Case, host: &Host| {
            let played = self.play(case, host)?;
            progress(Progress::Done {
                outcome: &played.0,
                cases: done.fetch_add(1, Ordering::Relaxed) + 1,
                of: cases.len(),
            });
            Ok(played)
        };
        std::thread::scope(|scope| {
            let plays: Vec<_> = cases
                .iter()
                .zip(hosts)
                .map(|(&case, host)| scope.spawn(move || play(case, host)))
                .collect();
            plays.into_iter().map(join).collect()
        })
    }

    /// What came of a case, and what the settings of its connections promise.
    fn play(&self, case: Case, host: &Host) -> Result<(Outcome, Option<Forecast>), TrialError> {
        let began = Instant::now();
        let played = match case {
            Case::Vanish { fault, state } => vanish::play(self, host, fault, state),
            Case::Live(living) => live::play(self, host, living),
            Case::Untried(_) | Case::Middlebox => Err(Hitch::because("is not to be tried")),
        };
        let Played {
            verdict,
            known,
            connections,
        } = match played {
            Ok(played) => played,
            Err(Hitch::Failed(TrialError::Interrupted)) => Played::unclear("interrupted"),
            Err(Hitch::Failed(error)) => return Err(error),
            Err(Hitch::Unreached(why)) if self.trial.asked_for(case) => Played::unclear(why),
            Err(Hitch::Unreached(why)) => Played {
                verdict: CaseVerdict::Skipped { why },
                known: Known::default(),
                connections: 0,
            },
        };
        let outcome = Outcome {
            case,
            verdict,
            connections,
            settings: known.settings,
            forecast: known.forecast,
            took: began.elapsed(),
        };
        Ok((outcome, known.promised))
    }
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
