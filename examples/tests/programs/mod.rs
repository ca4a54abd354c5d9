//! Programs as a test sees them: a command line, lines of output, and an end.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// An example that runs. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// What followed the prompt.
    greeting: String,
}

impl Program {
    /// Starts an example in the network namespace of the calling thread, and waits until a line begins with `prompt`, if it is not empty.
    pub(crate) fn start(name: &str, arguments: &[&str], prompt: &str) -> Self {
        let mut child = Command::new(path(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("starting {name}: {error}"));
        let output = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut program = Self {
            child,
            input,
            lines,
            greeting: String::new(),
        };
        while !prompt.is_empty() && program.greeting.is_empty() {
            let line = program.line(Duration::from_secs(10));
            program.greeting = line.strip_prefix(prompt).unwrap_or_default().to_owned();
        }
        program
    }

    /// The address that it greeted with.
    pub(crate) fn address(&self) -> String {
        self.greeting.clone()
    }

    /// The next line of its output.
    pub(crate) fn line(&mut self, within: Duration) -> String {
        let line = self.lines.recv_timeout(within);
        line.unwrap_or_else(|error| panic!("no line: {error}"))
    }

    /// A line of its input.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn path(name: &str) -> PathBuf {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_thread_server"));
    own.with_file_name(name)
}

/// Asks again and again, for ten seconds at most.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}
