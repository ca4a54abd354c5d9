//! What a program prints: read, and forgotten but for its end.

use std::collections::VecDeque;
use std::io::{PipeReader, PipeWriter, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::TrialError;

/// Bytes that are kept.
const KEPT: usize = 16 * 1024;

/// Lines that are shown of it.
const LINES: usize = 5;

/// The end of what was printed so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Output {
    last: Arc<Mutex<VecDeque<u8>>>,
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
        });
        output
    }

    /// Its last lines, joined by " | ".
    pub(super) fn last_lines(&self) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(last.make_contiguous()).into_owned();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.collect();
        lines[lines.len().saturating_sub(LINES)..].join(" | ")
    }

    fn keep(&self, bytes: &[u8]) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.extend(bytes);
        let surplus = last.len().saturating_sub(KEPT);
        last.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
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
        assert!(output.last.lock().unwrap().len() <= KEPT);
    }
}
