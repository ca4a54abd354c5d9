//! What is asked of a test, and how the command line says it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use deadpeer_core::SlowReaders;
use deadpeer_lab::trial::{Case, Client, Fault, State, Trial};

use super::speech::Speech;
use crate::exit::Stop;
use crate::flags::{DeadlineArgs, named};
use crate::output::OutputArgs;

/// Test whether a server notices that its clients are gone
///
/// Runs the server on a simulated machine made of network namespaces, and its clients on others.
/// The clients vanish in every way, and deadpeer watches from outside when the kernel gives up the
/// server's connections, when the server closes them, and why. Live clients that are on a bad
/// network or read slowly must be kept. Needs no root: the server runs as the calling user, without
/// capabilities. Takes little longer than the deadline.
///
/// For states that were not tried, the settings of the server's sockets tell what would happen. A
/// server that would miss the deadline in one of them fails, unless --only-tried is given.
///
/// The server must listen on all addresses, or on the one in the environment variable
/// DEADPEER_SERVER. A client command finds it through DEADPEER_SERVER and DEADPEER_PORT and must
/// stay connected; its standard input stays open.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    deadline: DeadlineArgs,
    /// Port that the server listens on
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// How clients vanish: power-off, unreachable, reboot, close, abort (the default is these
    /// five), nat-lost, nat-reset
    #[arg(
        long,
        value_name = "FAULT,...",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    #[arg(value_parser = named(Fault::ALL, Fault::name))]
    fault: Vec<Fault>,
    /// What the connection is doing when they vanish: idle, in-flight, zero-window, sending,
    /// late-write (the default is idle; with --send, in-flight as well)
    ///
    /// in-flight: an answer is on its way. zero-window: the client has stopped reading. sending:
    /// one answer follows another. late-write: the server answers after the client is gone; --send
    /// must be something that it answers later, such as a blocking read or a long poll.
    #[arg(
        long,
        value_name = "STATE,...",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    #[arg(value_parser = named(State::ALL, State::name))]
    state: Vec<State>,
    /// Number of clients for each fault and state
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    clients: u16,
    /// A client program to use instead of plain connections, run by sh
    #[arg(long, value_name = "COMMAND")]
    client: Option<String>,
    /// What a client sends to make the server answer: http, redis, postgres or mqtt, or a file
    ///
    /// A client program gets the file on its standard input. A file with the name of a protocol is
    /// given as ./http.
    #[arg(long, value_name = "PROTOCOL|FILE")]
    send: Option<PathBuf>,
    /// The same as text, with \r, \n, \t, \\ and \xNN: 'GET / HTTP/1.0\r\n\r\n'
    #[arg(long, value_name = "TEXT", conflicts_with = "send")]
    send_text: Option<String>,
    /// Let the server drop a live client that reads slowly
    #[arg(long)]
    may_drop_slow: bool,
    /// Don't fail the server for what its settings say about states that were not tried
    #[arg(long)]
    only_tried: bool,
    /// Middlebox on the path that forgets idle connections: fail the server if its first keepalive
    /// probe would come too late, or not at all. aws-alb, aws-nlb, azure, gcp, ipvs, or its idle
    /// timeout, such as 350s
    #[arg(long, value_name = "NAME|TIME", value_parser = deadpeer_report::middlebox::parse)]
    middlebox: Option<Duration>,
    /// Write a JUnit report for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// The server and its arguments; it must stay in the foreground or leave its children running
    #[arg(last = true, required = true, value_name = "SERVER")]
    server: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  deadpeer test --within 30s --port 8080 -- ./my-server
  deadpeer test --within 30s --port 6379 --send redis -- redis-server --bind '*' --protected-mode no

Exit codes:
  0  passed: every vanished client was noticed in time, and every live one kept
  1  failed
  2  usage or run-time error; there was nothing to test: the server never listened or exited early,
     or a client could not connect
  3  can't tell: a case is undecided, such as a fault that had no effect";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) trial: Trial,
    pub(super) within: Duration,
    /// What a plan does with live clients that read slowly.
    pub(super) slow_readers: SlowReaders,
    /// Where a report in JUnit's format goes.
    pub(super) junit: Option<PathBuf>,
}

impl TestArgs {
    /// As plain values, once files have been read.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        Ok(Request {
            trial: self.trial()?,
            within: self.deadline.within,
            slow_readers: match self.may_drop_slow {
                true => SlowReaders::Drop,
                false => SlowReaders::Keep,
            },
            junit: self.junit.clone(),
        })
    }

    fn trial(&self) -> Result<Trial, Stop> {
        let mut trial = Trial::new(&self.server, self.port, self.deadline.within);
        trial.faults = given(&self.fault);
        trial.states = given(&self.state);
        trial.clients = self.clients.into();
        if let Some(command) = &self.client {
            trial.client = Client::Command(command.clone());
        }
        if let Some(Speech { opening, words }) = self.speech()? {
            trial.opening = opening;
            trial.send = Some(words);
        }
        trial.may_drop_slow = self.may_drop_slow;
        trial.only_tried = self.only_tried;
        trial.middlebox = self.middlebox;
        if let Some(state) = self.state.iter().find(|state| **state != State::Idle)
            && trial.send.is_none()
        {
            return Err(Stop::because(format!(
                "--state {} needs --send or --send-text: something that makes the server answer",
                state.name()
            )));
        }
        self.refuse_idle_words(&Case::all(&trial))?;
        Ok(trial)
    }

    fn speech(&self) -> Result<Option<Speech>, Stop> {
        if let Some(text) = &self.send_text {
            return Speech::of_text(text).map(Some);
        }
        let Some(send) = &self.send else {
            return Ok(None);
        };
        match (Speech::of_protocol(send), &self.client) {
            (Some(_), Some(_)) => Err(Stop::because(format!(
                "--send {} is for plain clients: a program given by --client gets a file, or --send-text, on its standard input",
                send.display()
            ))),
            (Some(speech), None) => Ok(Some(speech)),
            (None, _) => Speech::of_file(send).map(Some),
        }
    }

    /// Refuses what was named and yields no case.
    fn refuse_idle_words(&self, cases: &[Case]) -> Result<(), Stop> {
        let tried = |is: &dyn Fn(Fault, State) -> bool| {
            cases.iter().any(|case| match *case {
                Case::Vanish { fault, state } => is(fault, state),
                Case::Live(_) | Case::Untried(_) | Case::Middlebox | _ => false,
            })
        };
        let fault = self
            .fault
            .iter()
            .find(|named| !tried(&|fault, _| fault == **named));
        let state = self
            .state
            .iter()
            .find(|named| !tried(&|_, state| state == **named));
        let idle = fault
            .map(|fault| format!("--fault {}", fault.name()))
            .or(state.map(|state| format!("--state {}", state.name())));
        match idle {
            None => Ok(()),
            Some(word) => Err(Stop::because(format!(
                "{word} cannot be tried here: clients close and abort only while idle, and only plain clients \
                 abort, stop reading, or wait for an answer"
            ))),
        }
    }
}

/// What was named; `None`: nothing.
fn given<T: Copy>(named: &[T]) -> Option<Vec<T>> {
    (!named.is_empty()).then(|| named.to_vec())
}
