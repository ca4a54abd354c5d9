//! The server under test: started, waited for, and ended.

use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use rustix::process::{Pid, Signal, kill_process_group};

use super::holders::Holders;
use super::output::Output;
use super::watch::{TICK, namespace};
use super::{Ended, Trial, TrialError};
use crate::host::{Host, Process};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(30);

/// How long it may take to end after SIGTERM.
const STOP: Duration = Duration::from_secs(3);

/// A server that listens.
#[derive(Debug)]
pub(super) struct Server<'a> {
    host: &'a Host,
    process: Process,
    output: Output,
    /// Where clients reach it.
    pub(super) address: SocketAddr,
}

/// A listener: where, and whether it takes IPv4 too.
#[derive(Debug, Clone, Copy)]
struct Listener {
    address: SocketAddr,
    both: bool,
}

impl<'a> Server<'a> {
    /// Starts it and waits until it listens where clients can reach it.
    pub(super) fn start(
        trial: &Trial,
        host: &'a Host,
        interrupted: &AtomicBool,
    ) -> Result<Self, TrialError> {
        let (program, arguments) = trial.server.split_first().ok_or(TrialError::Nothing)?;
        let (output, writer) = Output::pipe()?;
        let too = writer.try_clone().map_err(|source| TrialError::Io {
            what: "dup",
            source,
        })?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("DEADPEER_SERVER", host.v4().to_string())
            .env("DEADPEER_PORT", trial.port.to_string())
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(too)
            .process_group(0);
        let process = host.spawn(&mut command)?;
        // Its ends of the pipe.
        drop(command);
        let mut server = Self {
            host,
            process,
            output,
            address: (host.v4(), trial.port).into(),
        };
        server.address = server.wait(trial.port, interrupted)?;
        Ok(server)
    }

    /// Whether it still runs and listens.
    pub(super) fn check(&mut self, listening: bool) -> Result<(), TrialError> {
        let ended = match self.status()? {
            Some(status) if !status.success() => Ended::Midway(status),
            _ if !listening => Ended::NotListening,
            _ => return Ok(()),
        };
        Err(self.ended(ended))
    }

    fn wait(&mut self, port: u16, interrupted: &AtomicBool) -> Result<SocketAddr, TrialError> {
        let mut diag = self.host.enter(SockDiag::open)??;
        let namespace = namespace(self.host)?;
        let began = Instant::now();
        loop {
            let listeners = listeners(&mut diag)?;
            let right = listeners.iter().filter(|l| l.address.port() == port);
            let right: Vec<Listener> = right.copied().collect();
            if let Some(address) = right.iter().find_map(|listener| self.reached(listener)) {
                return Ok(address);
            }
            if let Some(listener) = right.first() {
                return Err(TrialError::LoopbackOnly(listener.address));
            }
            // A server that puts itself into the background leaves a child behind.
            if let Some(status) = self.status()?
                && (!status.success() || Holders::in_namespace(namespace).processes == 0)
            {
                return Err(self.ended(Ended::Early { port, status }));
            }
            if began.elapsed() > START {
                let mut ports: Vec<u16> = listeners.iter().map(|l| l.address.port()).collect();
                ports.sort_unstable();
                ports.dedup();
                return Err(TrialError::NeverListened {
                    port,
                    waited: START,
                    ports,
                    words: self.output.last_lines(),
                });
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(TrialError::Interrupted);
            }
            std::thread::sleep(TICK);
        }
    }

    /// The address at which clients reach a listener, IPv4 first.
    fn reached(&self, listener: &Listener) -> Option<SocketAddr> {
        let own: [IpAddr; 2] = [self.host.v4().into(), self.host.v6().into()];
        let bound = listener.address.ip();
        let reaches = |address: &IpAddr| {
            let any = bound.is_unspecified() && (bound.is_ipv4() == address.is_ipv4());
            bound == *address || any || (listener.both && address.is_ipv4())
        };
        let address = own.into_iter().find(|address| reaches(address))?;
        Some(SocketAddr::new(address, listener.address.port()))
    }

    fn status(&mut self) -> Result<Option<ExitStatus>, TrialError> {
        let status = self.process.child().try_wait();
        status.map_err(|source| TrialError::Io {
            what: "wait for the server",
            source,
        })
    }

    fn ended(&self, ended: Ended) -> TrialError {
        let words = match ended {
            Ended::Early { .. } | Ended::Midway(_) => self.output.last_lines_of_ended(),
            Ended::NotListening => self.output.last_lines(),
        };
        TrialError::Ended { ended, words }
    }
}

impl Drop for Server<'_> {
    /// SIGTERM to all of it, so that it can put its files in order; SIGKILL to what does not hear.
    fn drop(&mut self) {
        let Some(group) = Pid::from_raw(self.process.pid().cast_signed()) else {
            return;
        };
        // It may have ended already.
        let _ = kill_process_group(group, Signal::TERM);
        let began = Instant::now();
        while matches!(self.process.child().try_wait(), Ok(None)) && began.elapsed() < STOP {
            std::thread::sleep(TICK);
        }
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn listeners(diag: &mut SockDiag) -> Result<Vec<Listener>, TrialError> {
    let request = Request {
        states: States::NONE.with(TcpState::Listen),
        tcp_info: false,
    };
    let mut listeners = Vec::new();
    diag.dump(request, |socket| {
        let unspecified = socket.local.ip().is_unspecified();
        listeners.push(Listener {
            address: socket.local,
            both: unspecified && socket.v6only == Some(false),
        });
        ControlFlow::Continue(())
    })?;
    Ok(listeners)
}
