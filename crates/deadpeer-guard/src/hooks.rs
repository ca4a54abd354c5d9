//! Programs that are run before and after a kill, with the facts in their environment.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_sys::{pidfd, start};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::event::{Evidence, Subject};

/// How long a kill waits for the program that is run before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Programs that were started and have not ended.
#[derive(Debug, Default)]
pub(crate) struct Hooks(Vec<Child>);

impl Hooks {
    /// Runs a program before a kill; whether it agrees, by its exit code. One that takes too long
    /// is ended, and does not.
    pub(crate) fn before(
        &self,
        words: &[String],
        subject: &Subject,
        evidence: &Evidence,
    ) -> io::Result<bool> {
        let mut child = begin(words, subject, evidence, "")?;
        let process = pidfd::open(child.id()).map_err(io::Error::from)?;
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "it took more than 5 s",
                ));
            }
            let mut ended = [PollFd::new(&process, PollFlags::IN)];
            // What fails is EINTR alone: then it was shorter.
            let _ = poll(&mut ended, Timespec::try_from(left).ok().as_ref());
        }
    }

    /// Runs a program after a kill, and waits for nobody.
    pub(crate) fn after(
        &mut self,
        words: &[String],
        subject: &Subject,
        evidence: &Evidence,
        result: &str,
    ) -> io::Result<()> {
        self.0.push(begin(words, subject, evidence, result)?);
        Ok(())
    }

    /// Takes note of those that have ended.
    pub(crate) fn reap(&mut self) {
        self.0
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

fn begin(
    words: &[String],
    subject: &Subject,
    evidence: &Evidence,
    result: &str,
) -> io::Result<Child> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let process = subject.service.process.as_deref().unwrap_or_default();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env("DEADPEER_POLICY", &*subject.policy)
        .env("DEADPEER_LOCAL", subject.local.to_string())
        .env("DEADPEER_PEER", subject.peer.to_string())
        .env("DEADPEER_COOKIE", subject.cookie.to_string())
        .env("DEADPEER_NETNS", subject.namespace.to_string())
        .env(
            "DEADPEER_CONTAINER",
            subject.container().unwrap_or_default(),
        )
        .env(
            "DEADPEER_PROCESS",
            String::from_utf8_lossy(process).replace('\0', ""),
        )
        .env(
            "DEADPEER_PID",
            subject.pid.map(|pid| pid.to_string()).unwrap_or_default(),
        )
        .env(
            "DEADPEER_SILENCE_MS",
            evidence.silence.as_millis().to_string(),
        )
        .env("DEADPEER_UNANSWERED", evidence.unanswered.to_string())
        .env("DEADPEER_RESULT", result);
    start::spawn(&mut command, None)
}
