//! Why a trial could not be held.

use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use deadpeer_sys::SysError;
use deadpeer_sys::sock_diag::DumpError;
use deadpeer_sys::sysctl::SysctlError;

use crate::error::LabError;

/// A trial that came to no answer about the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// Nothing can be tried.
    #[error("a trial needs a server, at least one client and a deadline")]
    Nothing,
    /// More cases than a wire has ends.
    #[error("{0} cases are more than one wire can join")]
    TooManyCases(usize),
    /// The lab could not be built, or something not be done in a host, such as starting the server.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The server's sockets could not be looked at.
    #[error(transparent)]
    Open(#[from] SysError),
    /// The server's sockets could not be read.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The sysctls could not be read.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// `/proc` could not be read, or no pipe be made.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The server ended before it listened, or in the middle of the trial.
    #[error("the server {ended}{}", said(words))]
    Ended {
        /// How, and when.
        ended: Ended,
        /// The last lines of what it printed.
        words: String,
    },
    /// The server runs and does not listen on the port.
    #[error("the server did not listen on port {port} within {}{}{}", seconds(*waited), elsewhere(ports), said(words))]
    NeverListened {
        /// The port.
        port: u16,
        /// For how long it was given the chance.
        waited: Duration,
        /// Where it listens instead.
        ports: Vec<u16>,
        /// The last lines of what it printed.
        words: String,
    },
    /// The server listens for its own host alone.
    #[error(
        "the server listens on {0} only; let it listen on all addresses, or on the one in DEADPEER_SERVER"
    )]
    LoopbackOnly(SocketAddr),
    /// A client could not connect.
    #[error("no connection to the server at {server}: {source}")]
    Connect {
        /// Where it listens.
        server: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Clients' connections are closed before they say a word.
    #[error("the server at {server} closes connections at once{words}")]
    ClosedAtOnce {
        /// Where it listens.
        server: SocketAddr,
        /// What it answered before, in words; empty if nothing.
        words: String,
    },
    /// The clients' program does not stay connected.
    #[error("the client's command {}{}", ended(*status), said(words))]
    ClientEnded {
        /// What it ended with; `None`: it runs, but has no connection to the server.
        status: Option<ExitStatus>,
        /// The last lines of what it complained of.
        words: String,
    },
    /// A client's program has no standard input.
    #[error("a client's program could not be given a standard input")]
    NoInput,
    /// The caller wanted it to end.
    #[error("interrupted")]
    Interrupted,
}

/// How a server ended that should not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// Before it listened.
    #[error("ended before it listened on port {port} ({status})")]
    Early {
        /// The port.
        port: u16,
        /// What it ended with.
        status: ExitStatus,
    },
    /// While the clients vanished.
    #[error("ended in the middle of the test ({0})")]
    Midway(ExitStatus),
    /// It runs and listens no more.
    #[error("stopped listening in the middle of the test")]
    NotListening,
}

fn said(words: &str) -> String {
    match words {
        "" => "; it printed nothing".to_owned(),
        words => format!("; it printed last: {words}"),
    }
}

fn ended(status: Option<ExitStatus>) -> String {
    match status {
        Some(status) => format!("ended by itself ({status}); it has to stay connected"),
        None => "did not connect to the server".to_owned(),
    }
}

fn elsewhere(ports: &[u16]) -> String {
    match ports {
        [] => String::new(),
        ports => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            format!(" but on {}", ports.join(", "))
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
