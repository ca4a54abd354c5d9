//! A running `deadpeer watch --json`, and what it has said so far.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use deadpeer_lab::{Host, Process};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Far longer than any death of these tests takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A watch in a host. It is killed when dropped.
pub(crate) struct Observer {
    process: Process,
    lines: Receiver<Value>,
    /// Its first line.
    pub(crate) begun: Value,
    /// Deaths, as they came.
    pub(crate) deaths: Vec<Value>,
}

impl Observer {
    /// Starts it and waits until it watches.
    pub(crate) fn start(host: &Host, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
        command.args(["watch", "--json"]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = host.spawn(&mut command).expect("deadpeer starts");
        let stdout = process.child().stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.expect("a line");
                let line = serde_json::from_str(&line).expect("a line is JSON");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let begun: Value = lines.recv_timeout(PATIENCE).expect("a first line");
        assert_eq!(begun["type"], "watch");
        Self {
            process,
            lines,
            begun,
            deaths: Vec::new(),
        }
    }

    pub(crate) fn sees_by(&self, means: &str) -> bool {
        self.begun["means"] == means
    }

    /// The death of the connection with these ports at its ends, once it is told. `meanwhile` is
    /// done again and again.
    pub(crate) fn death(&mut self, what: &str, ends: Ends, meanwhile: impl FnMut()) -> Value {
        let death = self.death_within(PATIENCE, ends, meanwhile);
        death.unwrap_or_else(|| panic!("{what}: no death of {ends:?} among {:#?}", self.deaths))
    }

    /// The same, or `None` if it is not told within the time.
    pub(crate) fn death_within(
        &mut self,
        time: Duration,
        ends: Ends,
        mut meanwhile: impl FnMut(),
    ) -> Option<Value> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            meanwhile();
            self.read();
            if let Some(death) = self.deaths.iter().find(|death| ends.are_of(death)) {
                return Some(death.clone());
            }
        }
        None
    }

    /// Takes what has been said so far.
    pub(crate) fn look(&mut self) {
        self.read();
    }

    /// Takes what has been said, waiting a moment if that is nothing.
    fn read(&mut self) {
        match self.lines.recv_timeout(Duration::from_millis(10)) {
            Ok(line) => self.take(line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the watch has ended"),
        }
        while let Ok(line) = self.lines.try_recv() {
            self.take(line);
        }
    }

    fn take(&mut self, line: Value) {
        if line["type"] == "death" {
            self.deaths.push(line);
        }
    }

    /// Interrupts it and says what its last line was.
    pub(crate) fn end(mut self) -> Value {
        let pid = Pid::from_child(self.process.child());
        kill_process(pid, Signal::INT).unwrap();
        let mut last = Value::Null;
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            last = line;
        }
        assert_eq!(self.process.wait().unwrap().code(), Some(130));
        last
    }
}

/// How a test knows a connection again: by our port, or where connect() failed, by the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Ours(u16),
    Theirs(u16),
}

impl Ends {
    fn are_of(self, death: &Value) -> bool {
        let (field, port) = match self {
            Self::Ours(port) => ("local", port),
            Self::Theirs(port) => ("peer", port),
        };
        let text = death[field].as_str().unwrap();
        text.ends_with(&format!(":{port}"))
    }
}
