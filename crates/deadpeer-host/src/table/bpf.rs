//! The kernel's own view of a namespace's sockets, by eBPF: settings without borrowing a
//! descriptor, accept queues included.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use deadpeer_bpf::{
    Adoption, CallError, Change, Engine, HeldSockets, Holding, Outcome, SocketOwners, Sockets,
    Unavailable,
};
use deadpeer_core::{Effective, SocketOptions, Sysctls};
use deadpeer_sys::netns::NetnsError;
use rustc_hash::FxHashMap;

use super::namespace::Namespace;
use super::owners::Owners;
use super::sockstat::Sockstat;

/// Why sockets can't be read by eBPF the kernel. What needs no more than descriptors works all the
/// same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BpfError {
    /// This machine, or our privilege, does not allow it.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The kernel counts times in ticks, and how long one is does not show.
    #[error("the kernel's clock rate is not known")]
    UnknownClock,
    /// The namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// The kernel's answer could not be read.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A socket as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BpfDetails {
    /// What is set on the socket itself; `None` in an option: it follows the sysctl.
    pub own: SocketOptions,
    /// Whether it waits in a listener's queue to be accepted.
    pub queued: bool,
    /// Whether it is a part of a Multipath TCP connection, whose options can't be set one by one.
    pub multipath: bool,
    /// Whether its timeouts don't double at first while little is in flight
    /// (`TCP_THIN_LINEAR_TIMEOUTS`).
    pub thin_linear_timeouts: bool,
}

impl BpfDetails {
    /// `None` for what has no options: TIME_WAIT and connection requests.
    pub(crate) fn of(socket: &deadpeer_bpf::Socket) -> Option<Self> {
        Some(Self {
            own: socket.options?,
            queued: socket.holding == Holding::AcceptQueue,
            multipath: socket.multipath,
            thin_linear_timeouts: socket.thin_linear_timeouts,
        })
    }

    /// The settings in force, `sysctls` where nothing is set.
    pub(crate) fn effective(&self, sysctls: &Sysctls) -> Effective {
        let mut effective = self.own.resolve(sysctls);
        effective.thin_linear_timeouts = self.thin_linear_timeouts;
        effective
    }
}

/// What the kernel shows of all sockets at one moment.
#[derive(Debug)]
pub(crate) struct BpfSnapshot {
    /// `None`: this kernel can't tell them, or they were not wanted.
    pub(crate) owners: Option<Owners>,
    /// By cookie; empty if options were not wanted.
    pub(crate) seen: FxHashMap<u64, BpfDetails>,
}

/// The programs, loaded, for any namespace.
#[derive(Debug)]
pub(crate) struct BpfReader {
    hz: u32,
    /// What loads programs; `None`: it was given back.
    engine: Mutex<Option<Arc<Engine>>>,
    sockets: Sockets,
    /// `None`: this kernel can't tell, and `/proc` does.
    holders: Option<SocketOwners>,
    /// Loaded when it is wanted; `None`: this kernel can't tell.
    held: OnceLock<Option<HeldSockets>>,
}

/// The same, for one namespace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    reader: &'a BpfReader,
    place: &'a Namespace,
}

impl BpfReader {
    /// Takes `CAP_BPF` and `CAP_PERFMON`, and a kernel with BTF.
    pub(crate) fn open(hz: Option<u32>) -> Result<Self, BpfError> {
        Engine::permitted()?;
        let hz = hz.ok_or(BpfError::UnknownClock)?;
        let engine = Engine::open(hz)?;
        Ok(Self {
            hz,
            sockets: engine.sockets()?,
            holders: engine.socket_owners().ok(),
            held: OnceLock::new(),
            engine: Mutex::new(Some(Arc::new(engine))),
        })
    }

    /// Gives back the kernel's description of its types, some six megabytes. It is read again when
    /// a program has to be loaded.
    pub(crate) fn rest(&self) {
        *self.lock() = None;
    }

    fn engine(&self) -> Result<Arc<Engine>, BpfError> {
        let mut engine = self.lock();
        if let Some(engine) = &*engine {
            return Ok(Arc::clone(engine));
        }
        let opened = Arc::new(Engine::open(self.hz)?);
        Ok(Arc::clone(engine.insert(opened)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Engine>>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view<'a>(&'a self, place: &'a Namespace) -> View<'a> {
        View {
            reader: self,
            place,
        }
    }

    /// The owners of all sockets of the machine; `None` if the kernel can't tell them.
    fn owners(&self) -> Option<Owners> {
        Owners::by_bpf(self.holders.as_ref()?).ok()
    }
}

impl<'a> View<'a> {
    /// What shows the sockets of single processes, if this kernel can.
    pub(super) fn held(self) -> Option<&'a HeldSockets> {
        let load = || self.reader.engine().ok()?.held_sockets().ok();
        self.reader.held.get_or_init(load).as_ref()
    }

    /// How many sockets there are.
    pub(super) fn count(self) -> Option<Sockstat> {
        self.place.run(Sockstat::here).ok()?
    }

    /// The owners and the options, each if it is wanted.
    pub(crate) fn snapshot(self, owners: bool, settings: bool) -> Result<BpfSnapshot, BpfError> {
        Ok(BpfSnapshot {
            owners: match owners {
                true => self.reader.owners(),
                false => None,
            },
            seen: match settings {
                true => self.read()?,
                false => FxHashMap::default(),
            },
        })
    }

    /// Every socket that has options, by its cookie.
    fn read(self) -> Result<FxHashMap<u64, BpfDetails>, BpfError> {
        let mut seen = FxHashMap::default();
        self.each(|socket| {
            if let Some(bpf) = BpfDetails::of(socket) {
                seen.insert(socket.cookie, bpf);
            }
            ControlFlow::Continue(())
        })?;
        Ok(seen)
    }

    /// Every socket, listeners first, until the visitor breaks.
    pub(crate) fn each(
        self,
        visit: impl FnMut(&deadpeer_bpf::Socket) -> ControlFlow<()>,
    ) -> Result<(), BpfError> {
        let sockets = self.place.run(|| self.reader.sockets.begin())??;
        Ok(sockets.each(visit)?)
    }

    /// Sets options, and shows what became of each socket that is still there.
    pub(crate) fn set(
        self,
        changes: impl IntoIterator<Item = Change> + Send,
        visit: impl FnMut(&Outcome) + Send,
    ) -> Result<(), BpfError> {
        let engine = self.reader.engine()?;
        Ok(self.place.run(|| engine.set(changes, visit))??)
    }

    /// Sets options on connections that wait in the queue of a listener that was adopted, and
    /// adopts them, too.
    pub(crate) fn adopt(self, adoption: &Adoption, waiting: Vec<Change>) -> Result<(), BpfError> {
        let engine = self.reader.engine()?;
        let adopt = || engine.set_adopting(adoption, waiting, |_| ());
        Ok(self.place.run(adopt)??)
    }
}
