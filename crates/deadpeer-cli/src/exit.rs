//! How the command ends: the exit codes, and what is said on the way out.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use deadpeer_sys::signals::{Signal, ended_by};

/// What the exit code tells a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Yes, fine, passed.
    Yes,
    /// No: over the deadline, or a promise that cannot be kept.
    No,
    /// A usage or run-time error, said in one sentence on stderr.
    Error,
    /// Can't tell: not permitted to see, or unknown.
    Unknown,
    /// A signal to end came: 128 and its number, as a shell has it.
    Interrupted,
}

impl Exit {
    /// The code itself. Scripts rely on it: it never changes.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Error => 2,
            Self::Unknown => 3,
            Self::Interrupted => of_signal(ended_by().unwrap_or(Signal::INT)),
        }
    }

    /// What a code of this command means, where no signal ended it.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        [Self::Yes, Self::No, Self::Error, Self::Unknown]
            .into_iter()
            .find(|exit| exit.code() == code)
    }

    /// Of several answers, the one for all: one that is over counts more than one of which nothing
    /// is known, and that more than one that is fine.
    pub(crate) fn worse(self, other: Self) -> Self {
        let rank = |exit| match exit {
            Self::Yes => 0,
            Self::Unknown => 1,
            Self::No => 2,
            Self::Error => 3,
            Self::Interrupted => 4,
        };
        match rank(other) > rank(self) {
            true => other,
            false => self,
        }
    }
}

/// 128 and the number: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP.
pub(crate) fn of_signal(signal: Signal) -> u8 {
    u8::try_from(signal.as_raw()).map_or(u8::MAX, |number| number.saturating_add(128))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a verb stopped before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Whoever read our output has seen enough (`| head`). That is success.
    PipeClosed,
    /// An error, as one sentence without a full stop.
    Failed(String),
    /// A signal came before the work was done: how far it got, as one sentence without a full stop.
    Interrupted(String),
}

impl Stop {
    /// An error in our own words.
    pub(crate) fn because(sentence: impl fmt::Display) -> Self {
        Self::Failed(sentence.to_string())
    }

    /// An interruption in our own words.
    pub(crate) fn interrupted(sentence: impl fmt::Display) -> Self {
        Self::Interrupted(sentence.to_string())
    }
}

/// What an error of a library says, with everything that led to it.
pub(crate) fn sentence_of(error: &dyn Error) -> String {
    let mut sentence = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !sentence.ends_with(&cause_text) {
            sentence.push_str(": ");
            sentence.push_str(&cause_text);
        }
        source = cause.source();
    }
    sentence
}

/// What a library says. An I/O error is one of writing to stdout: the only I/O that verbs do
/// themselves.
impl<E: Error + 'static> From<E> for Stop {
    fn from(error: E) -> Self {
        match (&error as &dyn Error).downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Self::PipeClosed,
            Some(error) => Self::Failed(format!("cannot write the output: {error}")),
            None => Self::Failed(sentence_of(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_a_promise() {
        let codes = [Exit::Yes, Exit::No, Exit::Error, Exit::Unknown].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3]);
        let signals = [Signal::HUP, Signal::INT, Signal::TERM].map(of_signal);
        assert_eq!(signals, [129, 130, 143]);
        assert_eq!(Exit::Interrupted.code(), 130);
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert!(matches!(
            Stop::from(io::Error::from(io::ErrorKind::BrokenPipe)),
            Stop::PipeClosed
        ));
        let full = Stop::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(
            matches!(full, Stop::Failed(text) if text.starts_with("cannot write the output: "))
        );
    }

    #[test]
    fn a_json_line_into_a_closed_pipe_is_no_error() {
        struct Closed;
        impl io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = deadpeer_report::json::line(&mut Closed, &1).unwrap_err();
        assert!(matches!(Stop::from(error), Stop::PipeClosed));
    }
}
