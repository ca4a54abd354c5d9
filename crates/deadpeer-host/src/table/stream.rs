//! The connections of a namespace, shown to a visitor one after the other.

mod by_bpf;
mod repeated;
mod shared;
mod show;

pub use shared::Shared;

use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;

use deadpeer_core::{Kernel, KernelVersion, TcpInfo};
use deadpeer_sys::netns::{self, NetnsError};
use deadpeer_sys::sock_diag::{SockDiag, SocketId};

use super::bpf::{BpfError, BpfReader, View};
use super::connection::Connection;
use super::coverage::Coverage;
use super::error::{OpenTableError, ReadTableError};
use super::namespace::Namespace;
use super::ports;
use super::query::Query;
use super::row::Row;
use super::source::{Known, Reading, Source};
use super::wholes::Wholes;
use by_bpf::each_by_bpf;
use repeated::{repeated, request};
use show::Show;

/// The TCP sockets of one network namespace: connections and listeners, IPv4 and IPv6.
#[derive(Debug)]
pub struct Table {
    diag: SockDiag,
    /// Its number.
    namespace: u64,
    kernel: Kernel,
    version: Option<KernelVersion>,
    ephemeral_ports: RangeInclusive<u16>,
    place: Namespace,
    pub(crate) source: Source,
    /// What is known to the next reading from those of other tables.
    known: Known,
}

impl Table {
    /// Opens the table of a namespace. Our own needs no privilege, another's `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// The namespace cannot be entered, or the kernel has no sock_diag.
    pub fn open(namespace: &Namespace) -> Result<Self, OpenTableError> {
        let place = namespace.keep()?;
        place.run(|| Self::of_this_thread(&place))?
    }

    /// Of the namespace that the calling thread is in, to which `place` is the way for others.
    pub(crate) fn of_this_thread(place: &Namespace) -> Result<Self, OpenTableError> {
        Ok(Self {
            diag: SockDiag::open()?,
            namespace: netns::inode(netns::open_current()?).map_err(NetnsError::from)?,
            kernel: deadpeer_sys::running_kernel()?,
            version: deadpeer_sys::kernel_version(),
            ephemeral_ports: ports::ephemeral().map_err(OpenTableError::Ports)?,
            place: place.clone(),
            source: Source::default(),
            known: Known::default(),
        })
    }

    /// Reads options from within the kernel from now on, by eBPF: of every process' sockets, and of
    /// those that wait in a listener's queue. Takes `CAP_BPF` and `CAP_PERFMON`, Linux 5.12.
    ///
    /// # Errors
    /// Why that can't be had; options are then read through descriptors as before.
    pub fn use_bpf(&mut self) -> Result<(), BpfError> {
        self.source = Source::Kernel(Arc::new(BpfReader::open(self.kernel.hz)?));
        Ok(())
    }

    /// Whether options are read from within the kernel, all of them.
    #[must_use]
    pub fn uses_bpf(&self) -> bool {
        self.view().is_some()
    }

    /// The kernel's own view, if all is read by eBPF.
    pub(crate) fn view(&self) -> Option<View<'_>> {
        match &self.source {
            Source::Kernel(reader) => Some(reader.view(&self.place)),
            Source::Descriptors | Source::Either(_) => None,
        }
    }

    /// The kernel, with the sysctls of this namespace.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Runs `work` in the namespace, and in no other; `None`: it was ours, and the calling thread
    /// is in another.
    pub(crate) fn in_namespace<T: Send>(
        &self,
        work: impl FnOnce() -> T + Send,
    ) -> Result<Option<T>, NetnsError> {
        self.place.run(|| {
            let here = netns::open_current().and_then(|here| Ok(netns::inode(here)?))?;
            Ok((here == self.namespace).then(work))
        })?
    }

    /// The kernel's table, to ask for single connections.
    pub(crate) fn diag(&mut self) -> &mut SockDiag {
        &mut self.diag
    }

    /// Looks at one connection as it is now; `None`: it is gone, or has no TCP_INFO any more.
    ///
    /// # Errors
    /// The kernel could not be asked.
    pub fn tcp_info_of(&mut self, id: &SocketId) -> Result<Option<TcpInfo>, ReadTableError> {
        let version = self.version;
        let found = self.diag.socket_between(id, true, |socket| {
            let info = socket.tcp_info.filter(|_| socket.cookie == id.cookie);
            info.map(|bytes| TcpInfo::decode(bytes, version))
        });
        Ok(found.map_err(ReadTableError::Dump)?.flatten())
    }

    /// The number of the namespace, as `/proc/PID/ns/net` shows it.
    #[must_use]
    pub fn namespace(&self) -> u64 {
        self.namespace
    }

    /// The local ports that the kernel gives to outgoing connections (`ip_local_port_range`).
    #[must_use]
    pub fn ephemeral_ports(&self) -> RangeInclusive<u16> {
        self.ephemeral_ports.clone()
    }

    /// Shows every connection and listener that the query means to `visit`, listeners first, each
    /// once, until it breaks.
    ///
    /// Nothing is collected: a row is borrowed from the kernel's answer. A reading that the kernel
    /// marks as interrupted is repeated up to three times; rows already shown are not shown again.
    ///
    /// # Errors
    /// The table could not be read to its end. What was shown before stands.
    pub fn each(
        &mut self,
        query: &Query,
        visit: impl FnMut(&Connection<'_>) -> ControlFlow<()>,
    ) -> Result<Coverage, ReadTableError> {
        let mut shared = Shared {
            known: std::mem::take(&mut self.known),
            ..Shared::default()
        };
        let mut coverage = self.each_sharing(&mut shared, query, visit)?;
        shared.end(&mut coverage, query, &[self.namespace]);
        Ok(coverage)
    }

    /// The same, with what is known from the tables of other namespaces: see
    /// [`Tables::one_by_one`](super::Tables::one_by_one).
    ///
    /// # Errors
    /// As [`each`](Self::each).
    pub fn each_sharing(
        &mut self,
        shared: &mut Shared,
        query: &Query,
        visit: impl FnMut(&Connection<'_>) -> ControlFlow<()>,
    ) -> Result<Coverage, ReadTableError> {
        let known = shared.known.clone();
        let sysctls = self.kernel.sysctls;
        let mut reading = Reading::begin(&mut self.source, &self.place, query, sysctls, known)?;
        let mut show = Show {
            query,
            version: self.version,
            wholes: Wholes::new(&self.place),
            inodes: query.over.then_some(&mut shared.inodes),
            coverage: Coverage::default(),
            visit,
        };
        let asked = request(query, &show.wholes);
        let of_many = shared.of_many.then_some((self.namespace, query));
        let end = match reading.whole_view() {
            Some(view) => each_by_bpf(view, of_many, &reading, |seen, owners| {
                let row = Row::of(seen, &sysctls);
                let Some(chosen) = show.meets(&row.socket, || owners) else {
                    return ControlFlow::Continue(());
                };
                show.show(Connection {
                    chosen,
                    bpf: row.bpf,
                    moment: Some(row.moment),
                    ..Connection::new(&row.socket, owners, row.settings)
                })
            })?,
            None => repeated(
                |each| self.diag.dump(asked, each),
                |socket| {
                    let Some(chosen) = show.meets(socket, || reading.owners_of(socket)) else {
                        return ControlFlow::Continue(());
                    };
                    let (settings, bpf) = reading.settings_of(socket);
                    let owners = reading.known_owners(socket.inode);
                    show.show(Connection {
                        chosen,
                        bpf,
                        ..Connection::new(socket, owners, settings)
                    })
                },
            )?,
        };
        let mut coverage = show.coverage;
        (shared.known, coverage.read_by) = reading.end();
        coverage.repeats = end.repeats;
        coverage.interrupted = end.last.interrupted;
        coverage.unknown_answers = end.last.unknown;
        coverage.stopped = end.last.stopped;
        Ok(coverage)
    }
}
