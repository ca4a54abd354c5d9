//! Starting a program for somebody who handles signals himself, inside a control group or not.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::fs::{Mode, OFlags};

use crate::{SysError, signals};

/// Starts a command with no signal blocked, whatever the calling thread has blocked for itself. The
/// mask of blocked signals survives fork(2) and execve(2): a program that was born with SIGTERM
/// blocked could not be ended by it.
///
/// With a cgroup (v2, cgroups(7)), its first instruction already runs in it: the child moves itself
/// there before it executes the program. That needs the right to write the cgroup's `cgroup.procs`,
/// and that of the nearest cgroup above both.
///
/// # Errors
/// The cgroup refuses us, or whatever `Command::spawn` fails with.
pub fn spawn(command: &mut Command, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Child> {
    let processes = cgroup.map(processes_of).transpose()?;
    let prepare = move || {
        processes.as_ref().map_or(Ok(()), enter)?;
        Ok(signals::unblock_all()?)
    };
    // SAFETY: between fork and exec a write(2) and a sigprocmask(2) are made, on memory that was
    // there before.
    unsafe { command.pre_exec(prepare) };
    command.spawn()
}

fn processes_of(cgroup: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(cgroup, c"cgroup.procs", flags, Mode::empty());
    Ok(opened.map_err(SysError::of("open(cgroup.procs)"))?)
}

/// 0 stands for the process that writes it.
fn enter(processes: &OwnedFd) -> io::Result<()> {
    rustix::io::write(processes, b"0").map(drop)?;
    Ok(())
}
