//! Starting a program, talking to it, and leaving nothing of it behind.
//!
//! A program gets a pid namespace of its own, so that the kernel ends all of its processes
//! together: when the test drops it, panics or is killed itself. Its pids are seen from outside,
//! and are what the audit should show.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::common::installed;

/// What a program may take to start or to answer, on a busy machine.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// The user nobody, by number.
pub(crate) const NOBODY: u32 = 65534;

/// Runs a test with a program, given by its path, in a network namespace of its own. Skips it where
/// the program is not installed or cannot be given another user.
pub(crate) fn with_program(name: &str, test: impl FnOnce(&Path) + Send) {
    let Some(executable) = installed(name) else {
        return skip(&format!("{name} is not installed"));
    };
    match as_user(Some(NOBODY), Path::new("true"), &[]).output() {
        Ok(output) if output.status.success() => in_private_netns(|| test(&executable)),
        Ok(output) => skip(&format!(
            "no program can be given namespaces and the user nobody: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => skip(&format!("setpriv cannot be started: {error}")),
    }
}

/// A command in a pid namespace, run as this user, whose processes all end when the calling thread
/// ends.
///
/// The namespace's first process stands between: a program that changes its user would lose the
/// signal that its parent's death sends (PR_SET_PDEATHSIG(2const)).
pub(crate) fn as_user(user: Option<u32>, executable: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "unshare", "--pid", "--mount"])
        .args(["--kill-child", "unshare", "--fork"]);
    if let Some(user) = user {
        let id = user.to_string();
        command.args(["setpriv", "--reuid", &id, "--regid", &id]);
        command.arg("--clear-groups");
    }
    command.arg(executable).args(args).stdin(Stdio::null());
    command
}

/// A running program. Ends with everything it started when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    /// Stands around the program's pid namespace.
    fence: Child,
    /// What the program says.
    output: tempfile::NamedTempFile,
}

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Holder {
    pub(crate) process: String,
    pub(crate) pid: u32,
    pub(crate) fd: RawFd,
}

impl Program {
    /// Starts a program that stays in the foreground.
    pub(crate) fn start(executable: &Path, args: &[&str]) -> Self {
        Self::start_as(None, executable, args)
    }

    /// Starts it as another user.
    pub(crate) fn start_as(user: Option<u32>, executable: &Path, args: &[&str]) -> Self {
        let output = tempfile::NamedTempFile::new().unwrap();
        let fence = as_user(user, executable, args)
            .stdout(output.reopen().unwrap())
            .stderr(output.reopen().unwrap())
            .spawn()
            .expect("setpriv can be started");
        Self { fence, output }
    }

    /// Connects as soon as it listens there.
    pub(crate) fn connect(&mut self, address: &str) -> TcpStream {
        let address: SocketAddr = address.parse().unwrap();
        let bound = Instant::now() + BOUND;
        loop {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(BOUND)).unwrap();
                    return stream;
                }
                Err(error) => {
                    let ended = self.fence.try_wait().unwrap();
                    assert!(ended.is_none(), "it ended, {ended:?}: {}", self.said());
                    assert!(Instant::now() < bound, "{error}: {}", self.said());
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// Every process that holds the socket with this inode, as /proc shows it.
    pub(crate) fn holders(&self, inode: u32) -> Vec<Holder> {
        let socket = PathBuf::from(format!("socket:[{inode}]"));
        let mut holders = Vec::new();
        for pid in descendants(self.fence.id()) {
            let folder = PathBuf::from(format!("/proc/{pid}"));
            let descriptors = entries(&folder.join("fd"));
            let held = descriptors.filter(|fd| fs::read_link(fd).is_ok_and(|link| link == socket));
            holders.extend(held.map(|fd| Holder {
                process: name(&folder),
                pid,
                fd: number(&fd).unwrap(),
            }));
        }
        holders.sort();
        holders
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.output.path()).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The end of a pid namespace's first process is the end of all, and its parent buries it.
        let first = descendants(self.fence.id()).first().copied();
        let first = first.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        // Each may have ended by itself.
        let _ = match first {
            Some(first) => kill_process(first, Signal::KILL).map_err(Into::into),
            None => self.fence.kill(),
        };
        let _ = self.fence.wait();
    }
}

/// Tells a program to read its configuration again.
pub(crate) fn hang_up(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
}

/// Sends a request and reads until the answer contains `until`.
pub(crate) fn ask(stream: &mut TcpStream, request: &[u8], until: &[u8]) {
    if let Err(said) = try_ask(stream, request, until) {
        panic!("it closed the connection after {said:?}");
    }
}

/// The same of a program that may close the connection instead; the error is what it said before.
pub(crate) fn try_ask(stream: &mut TcpStream, request: &[u8], until: &[u8]) -> Result<(), String> {
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    while !answer.windows(until.len()).any(|part| part == until) {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).expect("an answer in time") {
            0 => return Err(String::from_utf8_lossy(&answer).into_owned()),
            read => answer.extend(&buffer[..read]),
        }
    }
    Ok(())
}

fn descendants(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = entries(Path::new("/proc"))
        .filter_map(|folder| Some((number(&folder)?, parent(&folder)?)))
        .collect();
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        let children = parents.iter().filter(|(_, of)| *of == parent);
        family.extend(children.map(|(pid, _)| pid));
        next += 1;
    }
    family.split_off(1)
}

/// The parent of a process. A program's name may contain anything, a closing parenthesis too.
fn parent(folder: &Path) -> Option<u32> {
    let stat = fs::read(folder.join("stat")).ok()?;
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[name_end + 1..]).ok()?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn name(folder: &Path) -> String {
    let name = fs::read_to_string(folder.join("comm")).unwrap();
    name.strip_suffix('\n').unwrap_or(&name).to_owned()
}

fn number<T: std::str::FromStr>(path: &Path) -> Option<T> {
    path.file_name()?.to_str()?.parse().ok()
}

/// The entries of a folder, none if it is gone.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path()))
}
