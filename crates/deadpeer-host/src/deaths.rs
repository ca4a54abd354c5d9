//! Connections as they die, of a whole network namespace, each with its cause and its owner.
//!
//! Two ways lead to a death. The kernel's own report, by eBPF ([`Means::Bpf`]), comes at the moment
//! it happens, with the error and the counters of that moment. Without it, the kernel announces
//! sockets as it frees them ([`Means::SockDiag`]): without an error, without an owner and only
//! after the application closed its descriptor. So a table is kept of what was last seen of each
//! connection, and what fits the counters best is told, marked as such
//! ([`CloseReason::certain`](deadpeer_core::CloseReason::certain)).

mod announced;
mod choice;
mod counters;
mod counts;
mod death;
mod last_seen;
mod owners;
mod places;
mod ring;
mod sysctls;

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use deadpeer_bpf::Unavailable;
use deadpeer_sys::SysError;
use deadpeer_sys::netns::{self, NetnsError};
use deadpeer_sys::sock_diag::DumpError;

pub use counts::{DeathCounts, ServiceName};
pub use death::{Age, Death, KnownBy, LastOwner};

use crate::filter::{ResolveError, Selector};
use crate::table::{Namespace, OpenTableError, ReadTableError};
use announced::Announced;
use choice::Choice;
use ring::Ring;

/// Bytes that the kernel may keep for us until we look: 16,384 deaths by eBPF, a few thousand
/// announcements.
const BUFFER: usize = 4 << 20;

/// Whose deaths, and how to see them.
#[derive(Debug, Clone, Default)]
pub struct DeathsQuery {
    /// Which connections; its states are those that a connection died in. What its names mean is
    /// looked up again every now and then.
    pub selector: Selector,
    /// The network namespace.
    pub namespace: Namespace,
    /// All network namespaces of the machine, in place of that one. By eBPF alone: without it, that
    /// one is watched.
    pub everywhere: bool,
    /// How to see them; `None`: by eBPF where it can be had, else by sock_diag.
    pub means: Option<Means>,
}

/// How deaths are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Means {
    /// A program in the kernel reports each death. Linux 5.12 with BTF, `CAP_BPF` and
    /// `CAP_PERFMON`.
    Bpf,
    /// The kernel announces sockets as it frees them, and its table is read now and then. Linux
    /// 4.7, no privilege.
    SockDiag,
}

/// Deaths cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum OpenDeathsError {
    /// The namespace could not be opened or entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// eBPF was asked for and can't be had.
    #[error(transparent)]
    Bpf(#[from] Unavailable),
    /// The kernel's announcements could not be had.
    #[error(transparent)]
    SockDiag(#[from] SysError),
    /// The kernel's table could not be opened.
    #[error(transparent)]
    OpenTable(#[from] OpenTableError),
    /// The kernel's table could not be read.
    #[error(transparent)]
    ReadTable(#[from] ReadTableError),
    /// What was chosen could not be looked up.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
}

/// Watching failed halfway.
#[derive(Debug, thiserror::Error)]
pub enum DeathsError {
    /// The kernel's table could not be read.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] SysError),
}

/// Deaths, from now on. Its descriptor is readable when there are some to [`drain`](Self::drain);
/// see also [`Deaths::poll_timeout`].
#[derive(Debug)]
pub struct Deaths {
    source: Source,
    choice: Choice,
    without_bpf: Option<Unavailable>,
    unreadable_processes: usize,
    only_here: bool,
}

#[derive(Debug)]
enum Source {
    Ring(Box<Ring>),
    Announced(Box<Announced>),
}

impl Deaths {
    /// Begins to watch. Another's namespace takes `CAP_SYS_ADMIN`; owners of other users'
    /// connections take `CAP_SYS_PTRACE`.
    ///
    /// # Errors
    /// Neither way is open, or the one that was asked for is not.
    pub fn open(query: &DeathsQuery) -> Result<Self, OpenDeathsError> {
        let namespace = query.namespace.open()?;
        let number = netns::inode(&namespace).map_err(NetnsError::from)?;
        let (source, without_bpf) = match &query.namespace {
            Namespace::Own => Source::open(query, number)?,
            Namespace::Process(_)
            | Namespace::Named(_)
            | Namespace::File(_)
            | Namespace::Open(_) => netns::enter(&namespace, || Source::open(query, number))??,
        };
        Ok(Self {
            only_here: query.everywhere && matches!(source, Source::Announced(_)),
            unreadable_processes: source.owners().unreadable_processes(),
            source,
            choice: Choice::of(query.selector.clone())?,
            without_bpf,
        })
    }

    /// How deaths are seen.
    #[must_use]
    pub fn means(&self) -> Means {
        match self.source {
            Source::Ring(_) => Means::Bpf,
            Source::Announced(_) => Means::SockDiag,
        }
    }

    /// Why eBPF can't be had, if it was tried.
    #[must_use]
    pub fn without_bpf(&self) -> Option<&Unavailable> {
        self.without_bpf.as_ref()
    }

    /// Processes whose descriptors we may not see: their connections die without a visible owner.
    #[must_use]
    pub fn unreadable_processes(&self) -> usize {
        self.unreadable_processes
    }

    /// Whether all namespaces were asked for and one is watched.
    #[must_use]
    pub fn only_here(&self) -> bool {
        self.only_here
    }

    /// How long [`drain`](Self::drain) may wait if the descriptor stays unreadable. `None`: for
    /// ever. By eBPF an idle machine wakes nobody; without, the table is read every few seconds, so
    /// that it takes no more than a fiftieth of a processor's time.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Duration> {
        match &self.source {
            Source::Ring(_) => None,
            Source::Announced(announced) => Some(announced.poll_timeout(now)),
        }
    }

    /// Shows every death since the last time that the filter chooses to `visit`. Never waits.
    ///
    /// With many deaths a second, wait a few milliseconds between drains: each costs a look at the
    /// clock and perhaps at `/proc`.
    ///
    /// # Errors
    /// The kernel's table could not be read.
    pub fn drain(&mut self, mut visit: impl FnMut(&Death)) -> Result<(), DeathsError> {
        let choice = &mut self.choice;
        choice.resolve_again(Instant::now());
        let mut chosen = |death: &Death| {
            if choice.takes(death) {
                visit(death);
            }
        };
        match &mut self.source {
            Source::Ring(ring) => {
                ring.drain(&mut chosen);
                Ok(())
            }
            Source::Announced(announced) => announced.drain(&mut chosen),
        }
    }

    /// Deaths lost so far because we were too slow; `None` if the kernel doesn't tell (sock_diag
    /// before Linux 4.12).
    #[must_use]
    pub fn lost(&self) -> Option<u64> {
        match &self.source {
            Source::Ring(ring) => ring.lost(),
            Source::Announced(announced) => announced.lost(),
        }
    }

    /// Deaths left out so far because the filter asks for an owner and none could be seen.
    #[must_use]
    pub fn nobodys(&self) -> u64 {
        self.choice.nobodys()
    }
}

impl AsFd for Deaths {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.source {
            Source::Ring(ring) => ring.as_fd(),
            Source::Announced(announced) => announced.as_fd(),
        }
    }
}

impl Source {
    /// Runs in the namespace with this number.
    fn open(
        query: &DeathsQuery,
        number: u64,
    ) -> Result<(Self, Option<Unavailable>), OpenDeathsError> {
        let namespace = &query.namespace;
        let one = (!query.everywhere).then_some((namespace, number));
        let ring = || Ring::open(one);
        let announced = || Announced::open(namespace).map(|one| Self::Announced(Box::new(one)));
        match query.means {
            Some(Means::Bpf) => Ok((Self::Ring(Box::new(ring()?)), None)),
            Some(Means::SockDiag) => Ok((announced()?, None)),
            None => match ring() {
                Ok(ring) => Ok((Self::Ring(Box::new(ring)), None)),
                Err(OpenDeathsError::Bpf(why)) => Ok((announced()?, Some(why))),
                Err(error) => Err(error),
            },
        }
    }

    fn owners(&self) -> &owners::LastOwners {
        match self {
            Self::Ring(ring) => ring.owners(),
            Self::Announced(announced) => announced.owners(),
        }
    }
}
