//! The socket by which a running guard is asked: a word in, a line of JSON out.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deadpeer_report::record::GuardStatus;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Uid, geteuid};

/// How long whoever asks is waited for, who is root and may have to wait for a processor: nobody is
/// to keep the guard from its work.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an answer is waited for: a sweep may be under way.
const ANSWER: Duration = Duration::from_secs(30);
const NAME: &str = "guard.sock";
/// More is no word of ours.
const LONGEST: usize = 64;

/// What a running guard can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// How it stands.
    Status,
    /// To kill nobody.
    Hold,
    /// To go on, whatever the brake says: those who are silent are really gone.
    Resume,
    /// To read its configuration again.
    Reload,
}

impl Asked {
    const ALL: [Self; 4] = [Self::Status, Self::Hold, Self::Resume, Self::Reload];

    fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Reload => "reload",
        }
    }
}

/// A running guard could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is none.
    #[error("no guard is running here ({}: {error})", path.display())]
    None {
        /// Its socket.
        path: PathBuf,
        /// What was tried.
        error: io::Error,
    },
    /// Only root, and the user that it runs as, may ask it.
    #[error("only root, and the user that a guard runs as, may ask it ({}: {error})", path.display())]
    Forbidden {
        /// Its socket.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// It did not answer.
    #[error("the guard does not answer: {0}")]
    NoAnswer(io::Error),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

/// Asks the guard that runs with this runtime directory, and waits for half a minute at most.
///
/// # Errors
/// See [`AskError`].
pub fn ask(directory: &Path, asked: Asked) -> Result<GuardStatus, AskError> {
    let path = directory.join(NAME);
    let stream = UnixStream::connect(&path).map_err(|error| {
        match error.kind() == io::ErrorKind::PermissionDenied {
            true => AskError::Forbidden { path, error },
            false => AskError::None { path, error },
        }
    })?;
    let answer = exchange(stream, asked).map_err(AskError::NoAnswer)?;
    serde_json::from_str(&answer).map_err(|_| AskError::Refused(answer.trim_end().to_owned()))
}

fn exchange(mut stream: UnixStream, asked: Asked) -> io::Result<String> {
    stream.set_read_timeout(Some(ANSWER))?;
    writeln!(stream, "{}", asked.word())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

/// The guard's end.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

/// Somebody who asks and waits for an answer.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) asked: Asked,
    stream: UnixStream,
}

impl Control {
    /// Listens in the directory of a guard that is alone: whatever socket is there is nobody's.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path })
    }

    /// The next question; `None`: who came next has none that has to be answered. Others than root,
    /// and our own user, are not listened to.
    pub(crate) fn next(&self) -> Option<Question> {
        let (stream, _) = self.listener.accept().ok()?;
        question(stream).ok().flatten()
    }
}

fn question(mut stream: UnixStream) -> io::Result<Option<Question>> {
    let user = socket_peercred(&stream)?.uid;
    if user != Uid::ROOT && user != geteuid() {
        return Ok(None);
    }
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let word = word(&mut stream)?;
    let asked = Asked::ALL
        .into_iter()
        .find(|asked| asked.word().as_bytes() == word.trim_ascii_end());
    if asked.is_none() {
        writeln!(stream, "status, hold, resume or reload")?;
    }
    Ok(asked.map(|asked| Question { asked, stream }))
}

/// Up to the end of a line. Who sends a letter at a time is waited for no longer than who sends
/// none.
fn word(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let mut word = Vec::new();
    let mut part = [0; LONGEST];
    while !word.ends_with(b"\n") && word.len() < LONGEST {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let length = stream.read(&mut part)?;
        if length == 0 {
            break;
        }
        word.extend(part.iter().take(length));
    }
    Ok(word)
}

impl Question {
    /// How the guard stands now.
    pub(crate) fn answer(mut self, status: &GuardStatus) {
        if let Ok(text) = serde_json::to_string(status) {
            // Who has gone needs no answer.
            let _ = writeln!(self.stream, "{text}");
        }
    }

    /// Why not.
    pub(crate) fn refuse(mut self, why: &str) {
        let _ = writeln!(self.stream, "{why}");
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // The next guard takes it away otherwise.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between two of those who hang, the guard goes about its work.
    #[test]
    fn who_hangs_or_dawdles_is_waited_for_once_and_not_for_long() {
        let directory = tempfile::tempdir().unwrap();
        let control = Control::open(directory.path()).unwrap();
        let connect = || UnixStream::connect(directory.path().join(NAME)).unwrap();
        let (_hangs, mut dawdles, mut asks) = (connect(), connect(), connect());
        std::thread::spawn(move || {
            while dawdles.write_all(b"s").is_ok() {
                std::thread::sleep(PATIENCE / 8);
            }
        });
        asks.write_all(b"sta").unwrap();
        for _ in 0..2 {
            let begun = Instant::now();
            assert!(control.next().is_none());
            assert!(begun.elapsed() < PATIENCE * 2, "{:?}", begun.elapsed());
        }
        asks.write_all(b"tus\n").unwrap();
        let question = control.next().unwrap();
        assert_eq!(question.asked, Asked::Status);
        assert!(control.next().is_none(), "nobody else has come");
    }
}
