//! Does a server notice that its clients are gone, and does it keep those that are merely slow?
//!
//! A [`Trial`] runs the server in one host of a lab and a few clients in another host for each
//! [`Case`]: all of them at the same time, against one server. Every case is brought into its
//! [`State`], its [`Fault`] strikes, and a watcher that looks at the kernel's socket table and at
//! `/proc`, never at the server itself, sees when each connection was given up and its descriptor
//! closed. Live clients ([`Living`]) must still be connected at the end.
//!
//! The faults are rules between the server's end of the wire and one client's, so that one case
//! never disturbs another. The server runs under the caller's own user, in a process group of its
//! own, and is ended by SIGTERM.

mod advice;
mod case;
mod client;
mod control;
mod ending;
mod error;
mod fault;
mod holders;
mod judge;
mod live;
mod output;
mod path;
mod report;
mod run;
mod seen;
mod server;
mod stage;
mod untried;
mod vanish;
mod watch;

pub use advice::advice;
pub use case::{Case, Living, State};
pub use client::Client;
pub use ending::{By, Timer};
pub use error::{Ended, TrialError};
pub use fault::Fault;
pub use report::{CaseVerdict, Failure, Outcome, Report};
pub use run::Progress;

use std::ffi::OsString;
use std::time::Duration;

/// What is to be tried on which server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Trial {
    /// The server's program and its arguments. It finds the address of its host in
    /// `DEADPEER_SERVER` and the port in `DEADPEER_PORT`, and must stay in its network namespace.
    pub server: Vec<OsString>,
    /// The port it listens on.
    pub port: u16,
    /// The deadline: a connection whose client vanished must be closed so soon.
    pub within: Duration,
    /// The faults; `None`: [`Fault::USUAL`].
    pub faults: Option<Vec<Fault>>,
    /// The states in which they strike; `None`: idle and, if there is something to send, in flight.
    pub states: Option<Vec<State>>,
    /// Clients in each case, at least one.
    pub clients: usize,
    /// What a client is.
    pub client: Client,
    /// What a client sends to make the server answer: to its connection, or to the standard input
    /// of its program.
    pub send: Option<Vec<u8>>,
    /// What a plain client says once, before anything else: how a session of some protocols begins.
    pub opening: Option<Vec<u8>>,
    /// Whether the server may drop a live client that reads slowly.
    pub may_drop_slow: bool,
    /// Whether states that were not tried are left out of the judgement. Otherwise the settings of
    /// the accepted sockets decide about them.
    pub only_tried: bool,
    /// The idle limit of a middlebox in the path of clients to come: it must not forget an idle
    /// connection before it hears a probe.
    pub middlebox: Option<Duration>,
}

impl Trial {
    /// A trial of everything usual with three plain clients in each case.
    #[must_use]
    pub fn new(
        server: impl IntoIterator<Item = impl Into<OsString>>,
        port: u16,
        within: Duration,
    ) -> Self {
        Self {
            server: server.into_iter().map(Into::into).collect(),
            port,
            within,
            faults: None,
            states: None,
            clients: 3,
            client: Client::Plain,
            send: None,
            opening: None,
            may_drop_slow: false,
            only_tried: false,
            middlebox: None,
        }
    }
}
