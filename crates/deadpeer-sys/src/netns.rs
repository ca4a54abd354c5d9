//! Network namespaces (network_namespaces(7)): opening, entering, making.
//!
//! A namespace belongs to a *thread*. What enters one here moves the calling thread alone and for
//! good; [`enter`] and [`private`] do it on a thread of their own and leave the caller where it is.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::{SysError, door};

mod lock;
mod loopback;
mod of_socket;

pub use lock::{NetnsLock, locked_by};
pub use of_socket::open_of_socket;

/// A network namespace that could not be opened, entered or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetnsError {
    /// There is no such namespace, or it may not be seen.
    Open {
        /// The file that stands for the namespace.
        path: PathBuf,
        /// `ENOENT`: no such process or name; `EACCES`: a process that takes `CAP_SYS_PTRACE` to
        /// look into.
        errno: Errno,
    },
    /// The file is there and stands for no network namespace.
    NoNamespace {
        /// The file.
        path: PathBuf,
    },
    /// A name with a slash in it, or none at all.
    Name {
        /// What was given.
        name: String,
    },
    /// Entering or making it failed. `EPERM`: needs CAP_SYS_ADMIN, root's or a user namespace's.
    Call(SysError),
    /// The user namespace around a private network namespace could not be given its root.
    Identity {
        /// The file under `/proc/self`.
        path: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// No thread could be started.
    Thread {
        /// What the kernel said.
        errno: Errno,
    },
}

impl std::error::Error for NetnsError {}

impl fmt::Display for NetnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, errno } => {
                let takes = takes("CAP_SYS_PTRACE", *errno);
                write!(f, "open {}: {errno}{takes}", path.display())
            }
            Self::NoNamespace { path } => {
                write!(f, "{} is not a network namespace", path.display())
            }
            Self::Name { name } => write!(f, "{name:?} is not the name of a network namespace"),
            Self::Call(error) => write!(f, "{error}{}", takes("CAP_SYS_ADMIN", error.errno)),
            Self::Identity { path, errno } => write!(f, "write {path}: {errno}"),
            Self::Thread { errno } => write!(f, "starting a thread: {errno}"),
        }
    }
}

impl From<SysError> for NetnsError {
    fn from(error: SysError) -> Self {
        Self::Call(error)
    }
}

/// What to add to an error that comes from want of privilege.
fn takes(capability: &str, errno: Errno) -> String {
    match errno {
        Errno::PERM | Errno::ACCESS => format!(" (it needs {capability})"),
        _ => String::new(),
    }
}

/// Opens the namespace that a file stands for, such as `/proc/PID/ns/net` or a bind mount of it.
///
/// Anything else is looked at without being opened, so that neither a FIFO nor a device does
/// anything; links are followed, as those of `/proc` must be.
pub fn open(path: impl AsRef<Path>) -> Result<OwnedFd, NetnsError> {
    let path = path.as_ref();
    let open = |flags| {
        let flags = flags | OFlags::CLOEXEC;
        let open = || rustix::fs::open(path, flags, Mode::empty());
        door::call("open", open).map_err(|error| NetnsError::Open {
            path: path.to_owned(),
            errno: error.errno,
        })
    };
    expect_namespace(path, open(OFlags::PATH)?)?;
    // By now it may be another file.
    expect_namespace(path, open(OFlags::RDONLY | OFlags::NONBLOCK)?)
}

fn expect_namespace(path: &Path, file: OwnedFd) -> Result<OwnedFd, NetnsError> {
    /// The file system of namespaces (include/uapi/linux/magic.h).
    const NSFS_MAGIC: u64 = 0x6e73_6673;
    let system = door::call("fstatfs", || rustix::fs::fstatfs(&file))?;
    match u64::try_from(system.f_type) {
        Ok(NSFS_MAGIC) => Ok(file),
        Ok(_) | Err(_) => Err(NetnsError::NoNamespace {
            path: path.to_owned(),
        }),
    }
}

/// Opens the namespace that `ip netns add` gave a name (ip-netns(8)).
pub fn open_named(name: &str) -> Result<OwnedFd, NetnsError> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(NetnsError::Name {
            name: name.to_owned(),
        });
    }
    open(Path::new("/run/netns").join(name))
}

/// Opens the namespace of a process. Needs the right to trace it.
pub fn open_process(pid: u32) -> Result<OwnedFd, NetnsError> {
    open(format!("/proc/{pid}/ns/net"))
}

/// Opens the namespace of the calling thread.
pub fn open_current() -> Result<OwnedFd, NetnsError> {
    open("/proc/thread-self/ns/net")
}

/// The number of a namespace: the inode that `/proc/PID/ns/net` and `ip netns` show. Two
/// descriptors stand for the same namespace if it is equal.
pub fn inode(namespace: impl AsFd) -> Result<u64, SysError> {
    door::call("fstat", || rustix::fs::fstat(namespace)).map(|stat| stat.st_ino)
}

/// Moves the calling thread into a namespace, for good. Needs CAP_SYS_ADMIN here and there
/// (setns(2)).
///
/// A descriptor that is no network namespace is `EINVAL`.
pub fn move_thread(namespace: impl AsFd) -> Result<(), SysError> {
    door::call("setns", || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
    })
}

/// Runs `work` in a namespace, on a thread of its own. Needs what [`move_thread`] needs.
///
/// # Panics
/// With the panic of `work`.
pub fn enter<T: Send>(
    namespace: impl AsFd,
    work: impl FnOnce() -> T + Send,
) -> Result<T, NetnsError> {
    let namespace = namespace.as_fd();
    on_own_thread(move || {
        move_thread(namespace)?;
        Ok(work())
    })
}

/// Runs `work` in one namespace after the other, all on one thread of its own: for a hundred of
/// them, that is a hundred times cheaper than [`enter`]. Needs what [`move_thread`] needs.
///
/// # Errors
/// No thread could be started; of each namespace, that it could not be entered.
///
/// # Panics
/// With the panic of `work`.
pub fn enter_each<N: AsFd + Send, T: Send>(
    namespaces: impl IntoIterator<Item = Result<N, NetnsError>> + Send,
    mut work: impl FnMut(usize) -> T + Send,
) -> Result<Vec<Result<T, NetnsError>>, NetnsError> {
    on_own_thread(move || {
        let entered = namespaces
            .into_iter()
            .enumerate()
            .map(|(place, namespace)| {
                move_thread(namespace?)?;
                Ok(work(place))
            });
        Ok(entered.collect())
    })
}

/// Runs `work` in a fresh namespace with nothing but a loopback interface that is up, on a thread
/// of its own. Needs what [`isolate`] needs.
///
/// The namespace is gone when the last thread and the last socket in it are. Threads that `work`
/// starts are born into it.
///
/// # Panics
/// With the panic of `work`.
pub fn private<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
    on_own_thread(|| {
        isolate()?;
        Ok(work())
    })
}

/// Moves the calling thread into a fresh namespace with nothing but a loopback interface that is
/// up.
///
/// Needs CAP_SYS_ADMIN. Without it, a user namespace is made around the network namespace, in which
/// the caller appears as root (user_namespaces(7)); the kernel allows that to a process with a
/// single thread only, and answers `EINVAL` otherwise, and machines may forbid it altogether
/// (`EPERM`, `ENOSPC`).
pub fn isolate() -> Result<(), NetnsError> {
    match unshare(UnshareFlags::NEWNET) {
        Err(error) if error.errno == Errno::PERM => {
            let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
            unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
            appear_as_root(uid.as_raw(), gid.as_raw())?;
        }
        other => other?,
    }
    let (family, kind) = (AddressFamily::INET, SocketType::DGRAM);
    let socket = door::call("socket", || {
        socket_with(family, kind, SocketFlags::CLOEXEC, None)
    })?;
    loopback::bring_up(&socket)?;
    Ok(())
}

fn unshare(what: UnshareFlags) -> Result<(), SysError> {
    // SAFETY: CLONE_FILES is never among the flags: the table of descriptors stays shared.
    door::call("unshare", || unsafe { unshare_unsafe(what) })
}

fn appear_as_root(uid: u32, gid: u32) -> Result<(), NetnsError> {
    // An unprivileged process may map its group only once it has given up setgroups()
    // (user_namespaces(7)).
    for (path, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ] {
        let write = || std::fs::write(path, text);
        door::file("write", write).map_err(|error| NetnsError::Identity {
            path,
            errno: errno(&error),
        })?;
    }
    Ok(())
}

fn on_own_thread<T: Send>(
    work: impl FnOnce() -> Result<T, NetnsError> + Send,
) -> Result<T, NetnsError> {
    std::thread::scope(|scope| {
        let ours = std::thread::current();
        let builder = std::thread::Builder::new();
        // A main thread's name is that of its process (`comm`), and is inherited.
        let builder = match ours.name().filter(|name| *name != "main") {
            Some(name) => builder.name(name.to_owned()),
            None => builder,
        };
        let thread = builder
            .spawn_scoped(scope, door::from_here(work))
            .map_err(|error| NetnsError::Thread {
                errno: errno(&error),
            })?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
