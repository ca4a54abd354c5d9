//! What a program prints: read, and forgotten but for its end.

use std::collections::VecDeque;
use std::io::{PipeReader, PipeWriter, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::TrialError;

/// Bytes that are kept.
const KEPT: usize = 16 * 1024;

/// Lines that are shown of it.
const LINES: usize = 5;

/// Who has ended may leave a child behind that holds the pipe: no longer is waited for its end.
const REST: Duration = Duration::from_secs(1);

/// The end of what was printed so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Output {
    printed: Arc<(Mutex<Printed>, Condvar)>,
}

#[derive(Debug, Default)]
struct Printed {
    last: VecDeque<u8>,
    /// Nobody can write any more.
    over: bool,
}

impl Output {
    /// What will be written into the returned end of a pipe.
    pub(super) fn pipe() -> Result<(Self, PipeWriter), TrialError> {
        let failed = |source| TrialError::Io {
            what: "pipe",
            source,
        };
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        Ok((Self::of(reader), writer))
    }

    /// Reads from a pipe, on a thread of its own, until nobody holds its other end.
    fn of(mut pipe: PipeReader) -> Self {
        let output = Self::default();
        let own = output.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                own.keep(&buffer[..count]);
            }
            own.lock().over = true;
            own.printed.1.notify_all();
        });
        output
    }

    /// The last lines of a program that has ended: what it left in the pipe is waited for.
    pub(super) fn last_lines_of_ended(&self) -> String {
        let over = &self.printed.1;
        drop(over.wait_timeout_while(self.lock(), REST, |printed| !printed.over));
        self.last_lines()
    }

    /// Its last lines, joined by " | ".
    pub(super) fn last_lines(&self) -> String {
        let mut printed = self.lock();
        let text = String::from_utf8_lossy(printed.last.make_contiguous()).into_owned();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.collect();
        lines[lines.len().saturating_sub(LINES)..].join(" | ")
    }

    fn keep(&self, bytes: &[u8]) {
        let last = &mut self.lock().last;
        last.extend(bytes);
        let surplus = last.len().saturating_sub(KEPT);
        last.drain(..surplus);
    }

    fn lock(&self) -> MutexGuard<'_, Printed> {
        let printed = self.printed.0.lock();
        printed.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let output = Output::default();
        assert_eq!(output.last_lines(), "");
        for n in 0..10_000 {
            output.keep(format!("line {n}\n\n").as_bytes());
        }
        let expected = "line 9995 | line 9996 | line 9997 | line 9998 | line 9999";
        assert_eq!(output.last_lines(), expected);
        assert!(output.lock().last.len() <= KEPT);
    }

    #[test]
    fn what_an_ended_program_left_in_the_pipe_is_waited_for() {
        let (output, mut writer) = Output::pipe().unwrap();
        let writing = std::thread::spawn(move || {
            for n in 0..100_000 {
                writeln!(writer, "line {n}").unwrap();
            }
        });
        let expected = "line 99995 | line 99996 | line 99997 | line 99998 | line 99999";
        assert_eq!(output.last_lines_of_ended(), expected);
        writing.join().unwrap();
    }
}
