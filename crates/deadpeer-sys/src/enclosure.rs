//! Starting a program in namespaces of its own, so that nothing it makes can outlive it.
//!
//! The program gets new pid, network and mount namespaces. The first process of the pid namespace
//! stands between it and the caller: it buries orphans, ends when the program ends, and with it the
//! kernel kills whatever is left. Without privilege all of them are owned by a new user namespace
//! that maps the caller's user and group to themselves; the program then keeps the capabilities
//! that network experiments need as ambient ones, and a program that *it* starts after
//! [`rustix::thread::clear_ambient_capability_set`] is an ordinary process of the caller.
//!
//! See user_namespaces(7), pid_namespaces(7), capabilities(7). Unprivileged user namespaces can be
//! forbidden by `kernel.unprivileged_userns_clone`, `user.max_user_namespaces`, AppArmor or
//! seccomp.

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use crate::{Result, SysError, door, signals};

/// What a program keeps in a user namespace of its own.
const KEPT: [CapabilitySet; 6] = [
    CapabilitySet::NET_ADMIN,
    CapabilitySet::NET_RAW,
    CapabilitySet::NET_BIND_SERVICE,
    CapabilitySet::SYS_ADMIN,
    CapabilitySet::SYS_PTRACE,
    CapabilitySet::KILL,
];

/// Who owns the new namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The user namespace of the caller, which needs `CAP_SYS_ADMIN` there.
    Caller,
    /// A new user namespace, which needs no privilege.
    NewUserNamespace,
}

/// Whether `/proc` shows the new pid namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proc {
    /// A fresh `/proc` is mounted. Refused with `EPERM` where the present one has parts hidden, as
    /// in many containers.
    Fresh,
    /// The caller's `/proc` stays, whose pids are the caller's; `/proc/self` and `/proc/sys/net`
    /// work all the same.
    Inherited,
}

/// Starts a command in new pid, network and mount namespaces, as process 2 of the former.
///
/// The command ends, and everything it started, when the calling *thread* ends, be it by SIGKILL.
/// What is returned is a process between the two: it ends with the command's exit code, or 128 plus
/// its signal, and it ignores the signals of a terminal, so that the command can end in its own
/// way.
///
/// # Errors
/// `EPERM`: not permitted here, or no fresh `/proc`; `ENOSPC`: the limit of namespaces; otherwise
/// whatever `Command::spawn` fails with.
pub fn spawn(command: &mut Command, owner: Owner, proc: Proc) -> io::Result<Child> {
    let caller = rustix::process::getpid();
    let maps = (owner == Owner::NewUserNamespace).then(Maps::of_caller);
    let enter = move || enter(caller, maps.as_ref(), proc).map_err(io::Error::from);
    // SAFETY: between fork and exec only system calls are made, on memory that was prepared before.
    unsafe { command.pre_exec(enter) };
    command.spawn()
}

/// Runs in the forked child: builds the namespaces and returns in the process that goes on to exec
/// the command.
fn enter(caller: Pid, maps: Option<&Maps>, proc: Proc) -> Result<()> {
    unshare(maps.is_some())?;
    if let Some(maps) = maps {
        maps.write()?;
        keep_capabilities()?;
    }
    end_with_parent()?;
    if rustix::process::getppid() != Some(caller) {
        return Err(gone());
    }

    let myself = door::call("pidfd_open", || {
        rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
    })?;
    fork_and_wait()?;
    // The first process of the new pid namespace. Its parent is in another, so getppid cannot tell
    // whether it is still there.
    end_with_parent()?;
    let mut parent = [PollFd::new(&myself, PollFlags::IN)];
    let now = rustix::event::Timespec::default();
    let ended = door::call("poll(pidfd)", || poll(&mut parent, Some(&now)))?;
    if ended > 0 {
        return Err(gone());
    }
    own_mounts(proc)?;
    fork_and_wait()
}

fn unshare(users: bool) -> Result<()> {
    let mut flags = UnshareFlags::NEWNET | UnshareFlags::NEWNS | UnshareFlags::NEWPID;
    flags.set(UnshareFlags::NEWUSER, users);
    // SAFETY: no FILES flag, so descriptors stay shared as they were.
    door::call("unshare", || unsafe {
        rustix::thread::unshare_unsafe(flags)
    })
}

/// Forks, and returns in the child only. The parent waits for it and ends as it did.
fn fork_and_wait() -> Result<()> {
    // SAFETY: this process has one thread, and both sides make nothing but system calls.
    match door::number("fork", || unsafe { libc::fork() })? {
        0 => Ok(()),
        child => wait_and_exit(child),
    }
}

fn end_with_parent() -> Result<()> {
    door::call("prctl(PR_SET_PDEATHSIG)", || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
    })
}

fn gone() -> SysError {
    SysError {
        call: "getppid",
        errno: rustix::io::Errno::SRCH,
    }
}

/// Puts the kept capabilities into the ambient set, which survives exec.
fn keep_capabilities() -> Result<()> {
    let kept = KEPT.into_iter().collect::<CapabilitySet>();
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: kept,
    };
    door::call("capset", || rustix::thread::set_capabilities(None, sets))?;
    KEPT.into_iter().try_for_each(|capability| {
        door::call("prctl(PR_CAP_AMBIENT_RAISE)", || {
            rustix::thread::configure_capability_in_ambient_set(capability, true)
        })
    })
}

/// Takes the mounts out of the caller's sight and mounts the `/proc` of the new pid namespace.
fn own_mounts(proc: Proc) -> Result<()> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    door::call("mount(MS_PRIVATE)", || {
        rustix::mount::mount_change(c"/", private)
    })?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    match proc {
        Proc::Inherited => Ok(()),
        Proc::Fresh => door::call("mount(proc)", || {
            rustix::mount::mount(c"proc", c"/proc", c"proc", flags, None)
        }),
    }
}

/// Waits for the child, burying every other one, and ends as it did. Holds no descriptor meanwhile:
/// not the pipe by which `Command::spawn` learns of the exec, and nobody's terminal or socket.
fn wait_and_exit(child: libc::pid_t) -> ! {
    // SAFETY: this process uses no descriptor any more.
    unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
    for signal in [Signal::INT, Signal::QUIT, Signal::TSTP] {
        // These can be ignored (signal(7)).
        let _ = signals::ignore(signal);
    }
    let mut status = 0;
    loop {
        // SAFETY: the status is written into a local.
        let ended = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if ended == child || (ended < 0 && last_errno() != libc::EINTR) {
            break;
        }
    }
    let code = match libc::WIFEXITED(status) {
        true => libc::WEXITSTATUS(status),
        false => 128 + libc::WTERMSIG(status),
    };
    // SAFETY: ends this process without running what the caller registered for its own end.
    unsafe { libc::_exit(code) }
}

fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// The user and group maps of the new user namespace: each id to itself.
struct Maps {
    user: CString,
    group: CString,
}

impl Maps {
    fn of_caller() -> Self {
        let line = |id: u32| CString::new(format!("{id} {id} 1")).unwrap_or_default();
        Self {
            user: line(rustix::process::geteuid().as_raw()),
            group: line(rustix::process::getegid().as_raw()),
        }
    }

    fn write(&self) -> Result<()> {
        // Giving up setgroups(2) is the price of mapping a group without privilege.
        put(c"/proc/self/setgroups", b"deny", "write(setgroups)")?;
        put(
            c"/proc/self/uid_map",
            self.user.as_bytes(),
            "write(uid_map)",
        )?;
        put(
            c"/proc/self/gid_map",
            self.group.as_bytes(),
            "write(gid_map)",
        )
    }
}

fn put(path: &std::ffi::CStr, text: &[u8], call: &'static str) -> Result<()> {
    door::call(call, || {
        let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(file, text).map(drop)
    })
}
