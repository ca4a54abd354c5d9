//! Where owners and options are read: through descriptors, or by the kernel itself where that pays
//! or shows more.

use std::num::NonZeroU32;
use std::sync::Arc;

use deadpeer_core::Sysctls;
use deadpeer_report::Unreadable;
use deadpeer_sys::sock_diag::Socket;
use rustc_hash::FxHashMap;

use super::bpf::{BpfDetails, BpfError, BpfReader, BpfSnapshot, View};
use super::bpf_cost;
use super::coverage::ReadBy;
use super::error::ReadTableError;
use super::namespace::Namespace;
use super::owners::{Owners, OwnersOf};
use super::query::Query;
use super::settings::{Reader, Settings};

/// The means that a table has.
#[derive(Debug, Default)]
pub(crate) enum Source {
    /// Descriptors.
    #[default]
    Descriptors,
    /// The kernel itself.
    Kernel(Arc<BpfReader>),
    /// Descriptors, and the kernel itself where it is faster or shows more.
    Either(LazyBpf),
}

/// A view that is opened when it is wanted, which takes milliseconds.
#[derive(Debug)]
pub(crate) struct LazyBpf {
    hz: Option<u32>,
    view: Option<Result<BpfReader, BpfError>>,
}

impl LazyBpf {
    pub(crate) fn new(hz: Option<u32>) -> Self {
        Self { hz, view: None }
    }

    fn opened(&self) -> Option<&BpfReader> {
        self.view.as_ref()?.as_ref().ok()
    }

    fn open(&mut self) -> Result<&BpfReader, BpfError> {
        let open = || BpfReader::open(self.hz);
        match self.view.get_or_insert_with(open) {
            Ok(view) => Ok(view),
            Err(why) => Err(why.clone()),
        }
    }
}

/// What one reading leaves for the next, of another namespace: owners are those of the whole
/// machine, for an inode number of a socket is nobody else's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) owners: Arc<Owners>,
    /// Whether the kernel itself has told them.
    by_kernel: bool,
    /// Where the next reading begins; `None`: nobody has asked yet.
    by: Option<ReadBy>,
    /// Why the kernel itself could not be asked, though it was wanted.
    pub(crate) refused: Option<BpfError>,
}

/// One reading of owners and options.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    source: &'a mut Source,
    place: &'a Namespace,
    /// Whether sock_diag is not needed if all is read by eBPF.
    bpf_alone: bool,
    sysctls: Sysctls,
    known: Known,
    /// What the kernel shows, by cookie.
    seen: FxHashMap<u64, BpfDetails>,
    /// Through descriptors; `None`: options are not asked for.
    reader: Option<Reader>,
    by: Option<ReadBy>,
}

impl<'a> Reading<'a> {
    /// Looks for the owners, if the query needs them and they are not `known`.
    pub(crate) fn begin(
        source: &'a mut Source,
        place: &'a Namespace,
        query: &Query,
        sysctls: Sysctls,
        known: Known,
    ) -> Result<Self, ReadTableError> {
        let reader = || Reader::new(sysctls, query.every_option);
        let mut reading = Self {
            source,
            place,
            bpf_alone: query.can_do_without_sock_diag(),
            sysctls,
            known,
            seen: FxHashMap::default(),
            reader: query.settings.then(reader),
            by: None,
        };
        if query.needs_owners() {
            reading.read()?;
        }
        // A socket that we see with one process may be held by one of these as well.
        if query.filter.needs_owners() && !reading.known.owners.unreadable().is_empty() {
            reading.read_closer();
        }
        Ok(reading)
    }

    fn read(&mut self) -> Result<(), ReadTableError> {
        // With everything in one look, options are not looked at apart.
        let apart = self.reader.is_some() && !self.bpf_alone;
        let pays = match (&self.source, self.known.by) {
            (Source::Either(_), Some(by)) => by == ReadBy::Kernel,
            // A namespace that can't be entered any more is not worth a program.
            (Source::Either(_), None) => self.place.run(bpf_cost::bpf_pays).unwrap_or(false),
            (Source::Kernel(_) | Source::Descriptors, _) => false,
        };
        match &self.source {
            Source::Kernel(reader) => {
                let view = reader.view(self.place);
                let snapshot = view.snapshot(!self.known.by_kernel, apart)?;
                self.take(snapshot);
            }
            Source::Either(_) if pays => self.ask_kernel(apart),
            Source::Either(_) | Source::Descriptors => {}
        }
        if self.known.by.is_none() && !self.known.by_kernel {
            self.known.owners = Arc::new(Owners::scan().map_err(ReadTableError::Proc)?);
        }
        self.by.get_or_insert(ReadBy::Descriptors);
        self.known.by = self.by;
        Ok(())
    }

    /// Where everything that is wanted can be seen at once.
    pub(crate) fn whole_view(&self) -> Option<View<'_>> {
        let reader = match &*self.source {
            _ if !self.bpf_alone || self.by != Some(ReadBy::Kernel) => None,
            Source::Kernel(reader) => Some(&**reader),
            Source::Either(lazy) => lazy.opened(),
            Source::Descriptors => None,
        };
        Some(reader?.view(self.place))
    }

    /// Every owner that is known by now.
    pub(crate) fn all_owners(&self) -> &Owners {
        &self.known.owners
    }

    /// Who holds a socket. One that nobody seems to hold is looked for by the kernel itself.
    pub(crate) fn owners_of(&mut self, socket: &Socket<'_>) -> OwnersOf<'_> {
        if let Some(inode) = socket.inode
            && self.by.is_some()
            && self.known.owners.of(inode).next().is_none()
        {
            self.read_closer();
        }
        self.known_owners(socket.inode)
    }

    /// Who holds the socket with this inode number, as far as is known by now.
    pub(crate) fn known_owners(&self, inode: Option<NonZeroU32>) -> OwnersOf<'_> {
        let owners = inode.map(|inode| self.known.owners.of(inode));
        owners.unwrap_or_default()
    }

    /// The options of a socket, and what else the kernel showed of it, if it was asked.
    pub(crate) fn settings_of(&mut self, socket: &Socket<'_>) -> (Settings, Option<BpfDetails>) {
        if let Some(shown) = self.shown(socket) {
            return shown;
        }
        let Some(reader) = &mut self.reader else {
            return (Settings::NotAsked, None);
        };
        let owners = socket.inode.map(|inode| self.known.owners.of(inode));
        let settings = reader.read(owners.unwrap_or_default(), socket);
        if let Settings::Unknown(why) = settings
            && kernel_may_know(why, socket)
        {
            self.read_closer();
        }
        self.shown(socket).unwrap_or((settings, None))
    }

    fn shown(&self, socket: &Socket<'_>) -> Option<(Settings, Option<BpfDetails>)> {
        let bpf = *self.seen.get(&socket.cookie)?;
        Some((Settings::Known(bpf.effective(&self.sysctls)), Some(bpf)))
    }

    /// Asks the kernel itself, once, for what descriptors did not show.
    fn read_closer(&mut self) {
        if self.by == Some(ReadBy::Descriptors) && self.known.refused.is_none() {
            self.ask_kernel(self.reader.is_some());
        }
    }

    /// Asks the kernel itself, if that was left open, for owners that it has not told yet, and for
    /// `settings` of all sockets.
    fn ask_kernel(&mut self, settings: bool) {
        let Source::Either(lazy) = &mut *self.source else {
            return;
        };
        let owners = !self.known.by_kernel;
        let place = self.place;
        let snapshot = lazy
            .open()
            .and_then(|reader| reader.view(place).snapshot(owners, settings));
        match snapshot {
            Ok(snapshot) => self.take(snapshot),
            Err(why) => self.known.refused = Some(why),
        }
    }

    fn take(&mut self, snapshot: BpfSnapshot) {
        self.by = Some(match self.by {
            None => ReadBy::Kernel,
            Some(_) => ReadBy::Both,
        });
        self.seen = snapshot.seen;
        if let Some(owners) = snapshot.owners {
            self.known.owners = Arc::new(owners);
            self.known.by_kernel = true;
        }
    }

    /// What was used, and what is known for the next.
    pub(crate) fn end(self) -> (Known, Option<ReadBy>) {
        (self.known, self.by)
    }
}

/// Whether the kernel itself can be expected to know options that no descriptor told.
fn kernel_may_know(why: Unreadable, socket: &Socket<'_>) -> bool {
    match why {
        Unreadable::NotPermitted
        | Unreadable::NoVisibleOwner
        | Unreadable::Multipath
        | Unreadable::KernelTooOld
        | Unreadable::TooManyFiles
        | Unreadable::Refused => true,
        // It waits to be accepted. In any other state its owner has closed it, and nobody waits for
        // it.
        Unreadable::NoDescriptor => socket.state.may_send(),
        Unreadable::Gone => false,
    }
}
