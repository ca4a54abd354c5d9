//! Programs as a test sees them: a command line, lines of output, and an end.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// An example that runs. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    /// What followed the prompt.
    greeting: String,
}

impl Program {
    /// Starts an example in the network namespace of the calling thread, and waits until a line
    /// begins with `prompt`, if it is not empty.
    pub(crate) fn start(name: &str, arguments: &[&str], prompt: &str) -> Self {
        Self::run(Command::new(path(name)).args(arguments), prompt)
    }

    /// As [`start`](Self::start), with any program.
    pub(crate) fn run(command: &mut Command, prompt: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
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
            input: Some(input),
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
        let line = self.line_within(within);
        line.unwrap_or_else(|| panic!("no line in {within:?}"))
    }

    /// The next line of its output; `None`: it says nothing for so long, or has ended.
    pub(crate) fn line_within(&mut self, within: Duration) -> Option<String> {
        self.lines.recv_timeout(within).ok()
    }

    /// A line of its input.
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("its input is open");
        writeln!(input, "{line}").unwrap();
    }

    /// The end of its input.
    pub(crate) fn say_no_more(&mut self) {
        self.input = None;
    }

    /// Stops it as SIGSTOP does: its kernel goes on without it.
    pub(crate) fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// Kills it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
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
