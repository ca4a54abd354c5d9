//! Starting a program for somebody who handles signals himself, inside a control group or not.

use std::io::{self, Write as _};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::fs::{Mode, OFlags};

use crate::{door, signals};

/// Starts a command with no signal blocked, whatever the calling thread has blocked for itself. The
/// mask of blocked signals survives fork(2) and execve(2): a program that was born with SIGTERM
/// blocked could not be ended by it.
///
/// With a cgroup (v2, cgroups(7)), its first instruction already runs in it: the child moves itself
/// there before it executes the program. That needs the right to write the cgroup's `cgroup.procs`,
/// and that of the nearest cgroup above both.
///
/// Sockets that systemd passed to us are meant for it, and say so: `LISTEN_PID` becomes its number
/// (sd_listen_fds(3)), unless the command has an environment of its own.
///
/// # Errors
/// The cgroup refuses us, or whatever `Command::spawn` fails with.
pub fn spawn(command: &mut Command, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Child> {
    let processes = cgroup.map(processes_of).transpose()?;
    let passes_sockets = are_passed_sockets();
    let prepare = move || {
        processes.as_ref().map_or(Ok(()), enter)?;
        if passes_sockets {
            pass_sockets_on()?;
        }
        Ok(signals::unblock_all()?)
    };
    // SAFETY: between fork and exec a write(2) and a sigprocmask(2) are made, on memory that was
    // there before, and perhaps the environment changed, which says why it may.
    unsafe { command.pre_exec(prepare) };
    command.spawn()
}

fn processes_of(cgroup: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(cgroup, c"cgroup.procs", flags, Mode::empty());
    Ok(door::call("open(cgroup.procs)", open)?)
}

/// 0 stands for the process that writes it.
fn enter(processes: &OwnedFd) -> io::Result<()> {
    door::call("write(cgroup.procs)", || rustix::io::write(processes, b"0"))?;
    Ok(())
}

/// Whether sockets were passed to us (sd_listen_fds(3)).
fn are_passed_sockets() -> bool {
    let named = std::env::var("LISTEN_PID").ok();
    named == Some(std::process::id().to_string())
}

/// In the child, before it executes.
fn pass_sockets_on() -> io::Result<()> {
    let mut number = [0_u8; 12];
    let pid = rustix::process::getpid().as_raw_pid();
    write!(&mut number[..], "{pid}\0")?;
    // SAFETY: both are strings with an end. malloc(3), which it calls, works after fork(2), and
    // nobody else changes the environment: `spawn` keeps its lock.
    let set = unsafe { libc::setenv(c"LISTEN_PID".as_ptr(), number.as_ptr().cast(), 1) };
    // Names the same process in another way, where systemd is newer.
    // SAFETY: as above.
    let unset = unsafe { libc::unsetenv(c"LISTEN_PIDFDID".as_ptr()) };
    match (set, unset) {
        (0, 0) => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
