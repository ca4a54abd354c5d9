//! Which network namespace is looked at.

use std::convert::Infallible;
use std::fmt;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use deadpeer_sys::netns::{self, NetnsError, NetnsLock};

/// A network namespace, by whom or what it is known.
///
/// Written as a process number, a name that `ip netns` knows, or a path such as `/proc/1/ns/net`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Namespace {
    /// The one we are in.
    #[default]
    Own,
    /// The one of a process.
    Process(u32),
    /// The one with a name under `/run/netns`.
    Named(String),
    /// The one that a file stands for.
    File(PathBuf),
    /// One that is kept open, whatever becomes of the way that led to it.
    Open(OpenNamespace),
}

/// A network namespace that is kept open: it can be entered after the process has ended, or the
/// name has gone, that led to it, and as long as this lives nobody else gets its number.
#[derive(Debug, Clone)]
pub struct OpenNamespace {
    number: u64,
    descriptor: Arc<OwnedFd>,
    /// How the way to it is written; `None`: there was none.
    known_as: Option<Arc<str>>,
}

impl OpenNamespace {
    /// Keeps the namespace of this descriptor, which this way led to.
    pub(super) fn new(descriptor: OwnedFd, way: Option<&Namespace>) -> Result<Self, NetnsError> {
        Ok(Self {
            number: netns::inode(&descriptor)?,
            descriptor: Arc::new(descriptor),
            known_as: way.map(|way| way.to_string().into()),
        })
    }

    /// Its number, as `/proc/PID/ns/net` shows it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Of namespaces that are open no two have the same number.
impl PartialEq for OpenNamespace {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for OpenNamespace {}

impl Namespace {
    /// The same, kept open; ours is there as long as we are.
    ///
    /// # Errors
    /// There is no such namespace, or it may not be seen.
    pub fn keep(&self) -> Result<Self, NetnsError> {
        match self {
            Self::Own | Self::Open(_) => Ok(self.clone()),
            Self::Process(_) | Self::Named(_) | Self::File(_) => {
                OpenNamespace::new(self.open()?, Some(self)).map(Self::Open)
            }
        }
    }

    /// Runs `work` in it: here, or on a thread of its own if it is another's, which takes
    /// `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// It could not be opened or entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
        match self {
            Self::Own => Ok(work()),
            Self::Open(open) => netns::enter(&*open.descriptor, work),
            Self::Process(_) | Self::Named(_) | Self::File(_) => netns::enter(self.open()?, work),
        }
    }

    /// Keeps everybody else from changing its sockets, as long as what this returns lives; `None`:
    /// somebody changes some now. All that deadpeer does to sockets of other processes happens
    /// under this lock, one after the other.
    ///
    /// # Errors
    /// It could not be opened.
    pub fn lock(&self) -> Result<Option<NetnsLock>, NetnsError> {
        Ok(NetnsLock::take(self.open()?)?)
    }

    /// The process that keeps others out, as far as that shows.
    #[must_use]
    pub fn locked_by(&self) -> Option<u32> {
        netns::locked_by(self.open().ok()?)
    }

    /// Opens it. Entering another's takes `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// There is no such namespace, or it may not be seen.
    pub fn open(&self) -> Result<OwnedFd, NetnsError> {
        match self {
            Self::Own => netns::open_current(),
            Self::Process(pid) => netns::open_process(*pid),
            Self::Named(name) => netns::open_named(name),
            Self::File(path) => netns::open(path),
            // Not a duplicate, with which it would share its locks (flock(2)).
            Self::Open(open) => {
                netns::open(format!("/proc/self/fd/{}", open.descriptor.as_raw_fd()))
            }
        }
    }
}

/// How it is known: "process 17", what `ip netns` calls it, or its path.
impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("our own"),
            Self::Process(pid) => write!(f, "process {pid}"),
            Self::Named(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Open(open) => match &open.known_as {
                Some(way) => f.write_str(way),
                None => write!(f, "net:[{}]", open.number),
            },
        }
    }
}

impl FromStr for Namespace {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(pid) => Self::Process(pid),
            Err(_) if text.contains('/') => Self::File(text.into()),
            Err(_) => Self::Named(text.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_sys::testing::in_private_netns;

    use super::*;

    #[test]
    fn who_keeps_one_open_is_kept_out_like_others() {
        in_private_netns(|| {
            let kept = Namespace::File("/proc/thread-self/ns/net".into()).keep();
            let kept = kept.unwrap();
            let lock = kept.lock().unwrap();
            assert!(lock.is_some() && kept.clone().lock().unwrap().is_none());
            assert_eq!(kept.locked_by(), Some(std::process::id()));
            drop(lock);
            assert!(Namespace::Own.lock().unwrap().is_some());
            assert_eq!(kept.to_string(), "/proc/thread-self/ns/net");
        });
    }

    #[test]
    fn numbers_names_and_paths() {
        let parse = |text: &str| text.parse::<Namespace>().unwrap();
        assert_eq!(parse("17"), Namespace::Process(17));
        assert_eq!(parse("blue"), Namespace::Named("blue".into()));
        assert_eq!(
            parse("/proc/1/ns/net"),
            Namespace::File("/proc/1/ns/net".into())
        );
    }
}
