//! The room that a lab needs around it: namespaces of its own, with or without privilege.
//!
//! A program that wants to build a [`Lab`](crate::Lab) runs itself again inside: [`run`] starts the
//! same executable in a new pid namespace and waits for it. There, [`current`] says so.
//!
//! ```no_run
//! use deadpeer_lab::enclosure;
//! # fn experiment() {}
//! # fn main() -> Result<(), enclosure::EnclosureError> {
//! match enclosure::current() {
//!     None => {
//!         let status = enclosure::run(std::env::args_os().skip(1))?;
//!         // end with that status
//!     }
//!     Some(_) => experiment(),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Root gets namespaces of its own user namespace; anybody else, and root where that is refused, a
//! new user namespace in which every program has the caller's own user and group. When either side
//! ends, by SIGKILL too, the kernel ends everything inside.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

use deadpeer_sys::enclosure::{Owner, Proc, spawn};
use rustix::process::Pid;

/// Set for the program inside; says how it was made.
pub(crate) const MARK: &str = "DEADPEER_LAB_ENCLOSURE";

/// What a program inside an enclosure can know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enclosure {
    /// Whether it has a user namespace of its own, because the caller could not do without.
    pub own_users: bool,
    /// Whether `/proc` shows the pids of the enclosure. It does not in containers that hide parts
    /// of `/proc`.
    pub own_proc: bool,
}

/// An enclosure that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnclosureError {
    /// This machine allows neither root nor anybody else to make the namespaces.
    #[error(
        "no private namespaces: {source}; needs root, or user namespaces allowed to everybody \
         (kernel.unprivileged_userns_clone, user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)"
    )]
    Refused {
        /// What the kernel said last.
        source: io::Error,
    },
    /// The program could not be started inside, or not be waited for.
    #[error("running {} inside private namespaces: {source}", program.display())]
    Run {
        /// The program.
        program: std::path::PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// The enclosure this program runs in; `None` outside.
#[must_use]
pub fn current() -> Option<Enclosure> {
    let mark = std::env::var(MARK).ok()?;
    // What the program starts inherits the variable; only the program itself is a child of the
    // first process.
    let parent = rustix::process::getppid();
    parent.is_some_and(Pid::is_init).then(|| Enclosure {
        own_users: mark.contains("users"),
        own_proc: mark.contains("proc"),
    })
}

/// Runs this program again with these arguments in an enclosure, and waits until it has ended.
///
/// Everything inside ends with the calling *thread*: do not call it from one that ends earlier than
/// its process.
///
/// # Errors
/// No namespaces can be made here, or the program cannot be started.
pub fn run(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<ExitStatus, EnclosureError> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let failed = |source: io::Error| EnclosureError::Run {
        program: std::env::current_exe().unwrap_or_default(),
        source,
    };
    let mut refused = None;
    for &(owner, proc) in ways() {
        let mut command = again(&arguments, owner, proc);
        match spawn(&mut command, owner, proc) {
            Ok(mut child) => return child.wait().map_err(failed),
            Err(error) if is_refusal(&error) => refused = Some(error),
            Err(error) => return Err(failed(error)),
        }
    }
    let source = refused.unwrap_or_else(|| io::ErrorKind::PermissionDenied.into());
    Err(EnclosureError::Refused { source })
}

/// The ways to make one, the best first.
fn ways() -> &'static [(Owner, Proc)] {
    const WAYS: [(Owner, Proc); 4] = [
        (Owner::Caller, Proc::Fresh),
        (Owner::Caller, Proc::Inherited),
        (Owner::NewUserNamespace, Proc::Fresh),
        (Owner::NewUserNamespace, Proc::Inherited),
    ];
    match rustix::process::geteuid().is_root() {
        true => &WAYS,
        false => &WAYS[2..],
    }
}

fn again(arguments: &[OsString], owner: Owner, proc: Proc) -> Command {
    let mut mark = String::from("private");
    if owner == Owner::NewUserNamespace {
        mark.push_str(",users");
    }
    if proc == Proc::Fresh {
        mark.push_str(",proc");
    }
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command.args(arguments).env(MARK, mark);
    command
}

/// Whether another way may still work.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        rustix::io::Errno::from_io_error(error),
        Some(
            rustix::io::Errno::PERM
                | rustix::io::Errno::ACCESS
                | rustix::io::Errno::NOSPC
                | rustix::io::Errno::INVAL
                | rustix::io::Errno::NOSYS
        )
    )
}
