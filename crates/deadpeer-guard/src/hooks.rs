//! Programs that are run before and after a kill, with the facts in their environment.

#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_report::sanitize::{sanitize, sanitize_bytes};
use deadpeer_sys::{pidfd, start};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::event::{Evidence, Subject};

/// How long kills wait for the programs that are run before them, all of a sweep together.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Who waits for them has something else to do so often.
const MEANWHILE: Duration = Duration::from_millis(200);
/// How long a program may take after a kill.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// What systemd has told us, and is not for them.
const OF_SYSTEMD: [&str; 6] = [
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// Programs that were started after kills and have not ended.
#[derive(Debug, Default)]
pub(crate) struct Hooks(Vec<(Child, Instant)>);

/// A program that was asked before a kill, and has not said yet what it thinks of it.
#[derive(Debug)]
pub(crate) struct Asked(Child);

impl Asked {
    pub(crate) fn begin(
        words: &[String],
        subject: &Subject,
        evidence: &Evidence,
    ) -> io::Result<Self> {
        begin(words, subject, evidence, "").map(Self)
    }

    /// Whether it agrees, by its exit code. One that has not ended by then is ended, and does not.
    /// `meanwhile` is done again and again while it is waited for.
    pub(crate) fn agrees(mut self, until: Instant, meanwhile: impl FnMut()) -> io::Result<bool> {
        let agreed = self.wait(until, meanwhile);
        if agreed.is_err() {
            end(&mut self.0);
        }
        agreed
    }

    fn wait(&mut self, until: Instant, mut meanwhile: impl FnMut()) -> io::Result<bool> {
        let process = pidfd::open(self.0.id()).map_err(io::Error::from)?;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status.success());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let said = format!("it took more than {} s", PATIENCE.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, said));
            }
            let mut ended = [PollFd::new(&process, PollFlags::IN)];
            // What fails is EINTR alone: then it was shorter.
            let wait = Timespec::try_from(left.min(MEANWHILE));
            let _ = poll(&mut ended, wait.ok().as_ref());
            meanwhile();
        }
    }
}

impl Hooks {
    /// Runs a program after a kill, and waits for nobody.
    pub(crate) fn after(
        &mut self,
        words: &[String],
        subject: &Subject,
        evidence: &Evidence,
        result: &str,
    ) -> io::Result<()> {
        let child = begin(words, subject, evidence, result)?;
        self.0.push((child, Instant::now() + AFTERWARDS));
        Ok(())
    }

    /// Takes note of those that have ended, and ends those that take too long.
    pub(crate) fn reap(&mut self) {
        let now = Instant::now();
        self.0.retain_mut(|(child, until)| {
            let runs = matches!(child.try_wait(), Ok(None));
            if runs && *until <= now {
                end(child);
            }
            runs && *until > now
        });
    }
}

/// Ends a program and what it has started.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // They may have ended by themselves.
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    let _ = child.wait();
}

/// Starts one in a process group of its own. Names are what anybody has chosen: whatever could be
/// taken for more than a name is written as the log writes it.
fn begin(
    words: &[String],
    subject: &Subject,
    evidence: &Evidence,
    result: &str,
) -> io::Result<Child> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let process = subject.service.process.as_deref().unwrap_or_default();
    let container = subject.container().unwrap_or_default();
    let pid = subject.pid.map(|pid| pid.to_string());
    let silence_ms = deadpeer_report::duration::milliseconds(evidence.silence);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0);
    for ours in OF_SYSTEMD {
        command.env_remove(ours);
    }
    command
        .env("DEADPEER_POLICY", &*sanitize(&subject.policy))
        .env("DEADPEER_LOCAL", subject.local.to_string())
        .env("DEADPEER_PEER", subject.peer.to_string())
        .env("DEADPEER_COOKIE", subject.cookie.to_string())
        .env("DEADPEER_NETNS", subject.namespace.to_string())
        .env("DEADPEER_CONTAINER", &*sanitize(&container))
        .env("DEADPEER_PROCESS", &*sanitize_bytes(process))
        .env("DEADPEER_PID", pid.unwrap_or_default())
        .env("DEADPEER_SILENCE_MS", silence_ms.to_string())
        .env("DEADPEER_UNANSWERED", evidence.unanswered.to_string())
        .env("DEADPEER_RESULT", result);
    start::spawn(&mut command, None)
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))
}
