//! An end that runs in a host, and its JSON lines as somebody else reads them: every field, none
//! unknown.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use deadpeer_lab::{Host, Process};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::common::deadpeer;

/// Long enough for anything that ought to happen at once, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Line {
    Listening(Listening),
    Connected(Connected),
    Seen(Seen),
    Ended(Ended),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listening {
    pub(crate) address: String,
    pub(crate) method: String,
    pub(crate) within_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connected {
    pub(crate) at_ms: u64,
    pub(crate) peer: String,
    pub(crate) local: String,
    pub(crate) method: String,
    pub(crate) within_ms: u64,
    pub(crate) settings: serde_json::Value,
    pub(crate) notices_in: serde_json::Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
pub(crate) struct Seen {
    pub(crate) at_ms: u64,
    pub(crate) peer: String,
    pub(crate) what: String,
    pub(crate) bytes: Option<u64>,
    pub(crate) text: Option<String>,
    pub(crate) question: Option<String>,
    pub(crate) unanswered: Option<u32>,
    pub(crate) silent_ms: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
pub(crate) struct Ended {
    pub(crate) at_ms: u64,
    pub(crate) peer: String,
    pub(crate) lost: bool,
    pub(crate) by: String,
    pub(crate) question: Option<String>,
    pub(crate) method: String,
    pub(crate) sign: String,
    pub(crate) cause: Option<String>,
    pub(crate) errno: Option<String>,
    pub(crate) why: String,
    pub(crate) silent_ms: Option<u64>,
    pub(crate) unanswered: u32,
    pub(crate) tcpi_state: Option<String>,
    pub(crate) poll: String,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) stood_ms: u64,
}

/// `deadpeer listen` or `connect` that speaks JSON.
pub(crate) struct End {
    process: Process,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl End {
    /// Starts it with these arguments, a blank between each two.
    pub(crate) fn start(host: &Host, arguments: &str) -> Self {
        let arguments: Vec<&str> = arguments.split_whitespace().chain(["--json"]).collect();
        let mut command = deadpeer(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = host.spawn(&mut command).unwrap();
        let child = process.child();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            input,
            lines,
        }
    }

    /// A server on port 8888 of every address, ready for clients.
    pub(crate) fn listen(host: &Host, arguments: &str) -> Self {
        Self::listening(host, arguments).0
    }

    /// The same with what it said.
    pub(crate) fn listening(host: &Host, arguments: &str) -> (Self, Listening) {
        let end = Self::start(host, &format!("listen :8888 {arguments}"));
        let listening = end.until(SOON, |line| match line {
            Line::Listening(listening) => Some(listening),
            Line::Connected(_) | Line::Seen(_) | Line::Ended(_) => None,
        });
        assert_eq!(listening.address, "[::]:8888");
        (end, listening)
    }

    /// A client of it, connected.
    pub(crate) fn connect(host: &Host, server: &Host, arguments: &str) -> (Self, Connected) {
        let end = Self::start(host, &format!("connect {}:8888 {arguments}", server.v4()));
        let connected = end.connected();
        (end, connected)
    }

    pub(crate) fn connected(&self) -> Connected {
        self.until(SOON, |line| match line {
            Line::Connected(connected) => Some(connected),
            Line::Listening(_) | Line::Seen(_) | Line::Ended(_) => None,
        })
    }

    /// Something that was seen, with this word.
    pub(crate) fn seen(&self, what: &str, within: Duration) -> Seen {
        self.until(within, |line| match line {
            Line::Seen(seen) if seen.what == what => Some(seen),
            Line::Ended(ended) => panic!("ended before {what} was seen: {ended:?}"),
            Line::Listening(_) | Line::Connected(_) | Line::Seen(_) => None,
        })
    }

    /// The end of a connection.
    pub(crate) fn ended(&self, within: Duration) -> Ended {
        self.until(within, |line| match line {
            Line::Ended(ended) => Some(ended),
            Line::Listening(_) | Line::Connected(_) | Line::Seen(_) => None,
        })
    }

    /// Reads until so much text came.
    pub(crate) fn hear(&self, text: &str) {
        let mut heard = String::new();
        while heard.len() < text.len() {
            heard += &self.seen("received", SOON).text.unwrap();
        }
        assert_eq!(heard, text);
    }

    /// Waits for so long, in which no connection may end.
    pub(crate) fn stands(&self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            match self.next(end) {
                Ok(Line::Ended(ended)) => panic!("{ended:?}"),
                Ok(Line::Listening(_) | Line::Connected(_) | Line::Seen(_)) => {}
                Err(RecvTimeoutError::Timeout) => return,
                Err(error) => panic!("it ended: {error}"),
            }
        }
    }

    /// The first line that is meant.
    fn until<T>(&self, within: Duration, meant: impl Fn(Line) -> Option<T>) -> T {
        let end = Instant::now() + within;
        let mut before = Vec::new();
        loop {
            let line = self
                .next(end)
                .unwrap_or_else(|error| panic!("within {within:?}: {error}, after {before:?}"));
            if let Some(meant) = meant(line.clone()) {
                return meant;
            }
            before.push(line);
        }
    }

    /// The next line, if it comes before this moment.
    fn next(&self, end: Instant) -> Result<Line, RecvTimeoutError> {
        let left = end.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left)?;
        Ok(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// Types something.
    pub(crate) fn say(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
    }

    /// Its standard input, to be typed into from elsewhere.
    pub(crate) fn take_input(&mut self) -> ChildStdin {
        self.input.take().unwrap()
    }

    /// Ends its standard input.
    pub(crate) fn say_no_more(&mut self) {
        self.input = None;
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Stops it where it stands; its kernel goes on without it.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.pid().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    /// Its exit code.
    pub(crate) fn code(&mut self) -> i32 {
        let end = Instant::now() + SOON;
        loop {
            if let Some(status) = self.process.child().try_wait().unwrap() {
                return status.code().expect("no signal");
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
