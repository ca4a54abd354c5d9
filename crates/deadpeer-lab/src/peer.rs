//! The peer: a program that takes connections, treats each as its state asks for, and does what it
//! is told.
//!
//! It is a process of its own, so that it can be killed and stopped. Its orders come as lines on
//! stdin, each answered by a line on stdout. Whoever runs a lab lends it an executable that calls
//! [`serve`]: [`Launch`].
//!
//! On a connection, the first four bytes name it, so that both ends can speak of it even through a
//! proxy. Then a byte `p` is a ping and answered by `P`; `q` and `Q` prove that the connection
//! carries bytes; all others are padding. A name with the bit `BEATS` asks the peer to say `B`
//! regularly, as a heartbeat's promise.

mod orders;
mod serve;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use deadpeer_sys::ProcessStat;
use rustix::process::{Pid, Signal, kill_process};

use crate::error::LabError;
use crate::host::{Host, Process};
pub(crate) use orders::{Heard, Order};
pub use serve::serve;
pub(crate) use serve::{BEAT_EVERY, BEATS, MSS, listen};

/// How to start a program that calls [`serve`].
#[derive(Debug, Clone)]
pub struct Launch {
    /// The executable.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its environment beside the inherited one.
    pub environment: Vec<(OsString, OsString)>,
}

/// It has ended, or was killed.
fn mute() -> LabError {
    LabError::Other("the peer's program does not answer".into())
}

/// A running peer.
#[derive(Debug)]
pub(crate) struct Peer {
    process: Process,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    gone: bool,
    stopped: bool,
}

impl Peer {
    /// Starts it in a host and waits until it listens.
    pub(crate) fn start(host: &Host, launch: &Launch) -> Result<Self, LabError> {
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = host.spawn(&mut command)?;
        let orders = process.child().stdin.take().ok_or_else(mute)?;
        let answers = process.child().stdout.take().ok_or_else(mute)?;
        let mut peer = Self {
            process,
            orders,
            answers: BufReader::new(answers),
            gone: false,
            stopped: false,
        };
        peer.order(&Order::Listen)?;
        Ok(peer)
    }

    /// Gives an order and waits until it is carried out.
    pub(crate) fn order(&mut self, order: &Order) -> Result<(), LabError> {
        self.ask(order).map(drop)
    }

    /// What it knows of each connection; empty once it is gone.
    pub(crate) fn report(&mut self) -> Result<HashMap<u32, Heard>, LabError> {
        if self.gone {
            return Ok(HashMap::new());
        }
        let lines = self.ask(&Order::Report)?;
        let heard = lines.iter().flat_map(|line| serde_json::from_str(line));
        Ok(heard.collect())
    }

    /// Whether it was killed.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(crate) fn kill(&mut self) {
        self.gone = true;
        // Its death is what is wanted; that it had ended before is no error.
        let _ = self.process.kill();
    }

    /// Stops it, or lets it go on.
    pub(crate) fn stop(&mut self, stopped: bool) -> Result<(), LabError> {
        let signal = if stopped { Signal::STOP } else { Signal::CONT };
        let pid = i32::try_from(self.process.pid())
            .ok()
            .and_then(Pid::from_raw);
        kill_process(pid.ok_or_else(mute)?, signal).map_err(LabError::io("kill"))?;
        self.stopped = stopped;
        Ok(())
    }

    /// How its process is.
    pub(crate) fn stat(&self) -> Option<ProcessStat> {
        ProcessStat::of(self.process.pid())
    }

    /// Lines before the one that ends an answer.
    fn ask(&mut self, order: &Order) -> Result<Vec<String>, LabError> {
        if self.gone || self.stopped {
            return Err(mute());
        }
        let order = serde_json::to_string(order).map_err(|_| mute())?;
        writeln!(self.orders, "{order}").map_err(|_| mute())?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.answers.read_line(&mut line);
            if !matches!(read, Ok(1..)) {
                return Err(mute());
            }
            // A test harness that lends its executable may say something first.
            match line.trim_end() {
                "done" => return Ok(lines),
                other => match other.strip_prefix("cannot ") {
                    Some(why) => return Err(LabError::Other(format!("the peer's program: {why}"))),
                    None => lines.push(other.to_owned()),
                },
            }
        }
    }
}
