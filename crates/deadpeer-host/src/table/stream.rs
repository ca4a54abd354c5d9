//! The connections of a namespace, shown to a visitor one after the other.

use std::num::NonZeroU32;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;

use deadpeer_core::{Kernel, KernelVersion, TcpInfo, TcpState};
use deadpeer_sys::netns::{self, NetnsError};
use deadpeer_sys::sock_diag::{DumpEnd, Request, SockDiag, Socket, SocketId, TimerKind};
use rustc_hash::FxHashSet;

use super::bpf::{BpfError, BpfReader, View};
use super::by_process;
use super::connection::Connection;
use super::coverage::Coverage;
use super::error::{OpenTableError, ReadTableError};
use super::namespace::{Namespace, OpenNamespace};
use super::over::{self, Unseen};
use super::owners::OwnersOf;
use super::ports;
use super::query::Query;
use super::row::Row;
use super::source::{Known, LazyBpf, Reading, Source};

/// How often a reading that the kernel marks as interrupted is repeated.
const MAX_REPEATS: u32 = 3;

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

    /// Reads options through descriptors from now on, and from within the kernel where it can be
    /// had and
    ///
    /// - is faster, of some thousand sockets or open files on, or
    /// - shows more: sockets of processes that we may not look into, that wait in a listener's
    ///   queue, or of Multipath TCP.
    ///
    /// [`Coverage::read_by`] tells which it was. What is read is the same, but for
    /// [`Connection::bpf`].
    pub fn use_bpf_where_it_pays(&mut self) {
        self.source = Source::Either(LazyBpf::new(self.kernel.hz));
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
        mut visit: impl FnMut(&Connection<'_>) -> ControlFlow<()>,
    ) -> Result<Coverage, ReadTableError> {
        let known = shared.known.clone();
        let sysctls = self.kernel.sysctls;
        let mut reading = Reading::begin(&mut self.source, &self.place, query, sysctls, known)?;
        let mut coverage = Coverage::default();
        let version = self.version;
        let number = self.namespace;
        let of_many = shared.of_many;
        let mut inodes = Inodes {
            wanted: query.over,
            seen: &mut shared.inodes,
        };
        let end = match reading.whole_view() {
            Some(view) => each_by_bpf(
                view,
                of_many.then_some((number, query)),
                &reading,
                |seen, owners| {
                    let row = Row::of(seen, &self.kernel.sysctls);
                    inodes.add(row.socket.inode);
                    let fits = || fits(query, &row.socket, owners);
                    let Some(chosen) = choice(query, &row.socket, fits) else {
                        return ControlFlow::Continue(());
                    };
                    if chosen {
                        coverage.count(&row.socket, &row.settings);
                    }
                    visit(&Connection {
                        socket: &row.socket,
                        settings: row.settings,
                        chosen,
                        bpf: row.bpf,
                        moment: Some(row.moment),
                        owners,
                        kernel: version,
                    })
                },
            )?,
            None => repeated(
                |each| self.diag.dump(request(query), each),
                |socket| {
                    inodes.add(socket.inode);
                    let fits = || fits(query, socket, reading.owners_of(socket));
                    let Some(chosen) = choice(query, socket, fits) else {
                        return ControlFlow::Continue(());
                    };
                    let (settings, bpf) = reading.settings_of(socket);
                    if chosen {
                        coverage.count(socket, &settings);
                    }
                    visit(&Connection {
                        socket,
                        settings,
                        chosen,
                        bpf,
                        moment: None,
                        owners: reading.known_owners(socket.inode),
                        kernel: version,
                    })
                },
            )?,
        };
        (shared.known, coverage.read_by) = reading.end();
        coverage.repeats = end.repeats;
        coverage.interrupted = end.last.interrupted;
        coverage.unknown_answers = end.last.unknown;
        coverage.stopped = end.last.stopped;
        Ok(coverage)
    }
}

/// What the readings of several tables have in common: owners are those of the whole machine, for
/// an inode number of a socket is nobody else's.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// Whether there are several.
    of_many: bool,
    known: Known,
    /// The inode numbers of all sockets, if they are wanted.
    inodes: Vec<u32>,
}

impl Shared {
    /// Of so many tables.
    pub(super) fn of_tables(tables: usize) -> Self {
        Self {
            of_many: tables > 1,
            ..Self::default()
        }
    }

    /// Lets the next reading of a table begin with what is known.
    pub(crate) fn lend(&self, table: &mut Table) {
        table.known = self.known.clone();
    }

    /// Adds what the owners tell, once the tables of these namespaces were read. What is left is in
    /// others.
    pub(super) fn end(
        &mut self,
        coverage: &mut Coverage,
        query: &Query,
        read: &[u64],
    ) -> Vec<OpenNamespace> {
        let owners = &self.known.owners;
        coverage.add_owners(owners, &query.filter, read);
        coverage.no_ebpf.clone_from(&self.known.refused);
        let unseen = match query.over {
            true => over::unseen(owners, &mut self.inodes, read, &query.filter),
            false => Unseen::default(),
        };
        coverage.over = unseen.over;
        unseen.elsewhere
    }
}

/// The inode numbers of all sockets of the table, if they are wanted.
struct Inodes<'a> {
    wanted: bool,
    seen: &'a mut Vec<u32>,
}

impl Inodes<'_> {
    fn add(&mut self, inode: Option<NonZeroU32>) {
        if let (true, Some(inode)) = (self.wanted, inode) {
            self.seen.push(inode.get());
        }
    }
}

/// Whether the filter chose it; `None` for what is not shown.
fn choice(query: &Query, socket: &Socket<'_>, owners_fit: impl FnOnce() -> bool) -> Option<bool> {
    if !query.kept && is_kept(socket) {
        return None;
    }
    let context = query.context && socket.state == TcpState::Listen;
    let chosen = query.filter.matches_socket(socket) && owners_fit();
    (chosen || context).then_some(chosen)
}

/// Whether the kernel keeps it like TIME_WAIT (net/ipv4/tcp_minisocks.c, `tcp_time_wait`).
fn is_kept(socket: &Socket<'_>) -> bool {
    let timer = socket.timer.map(|timer| timer.kind);
    socket.state == TcpState::FinWait2 && timer == Some(TimerKind::TimeWait)
}

fn fits(query: &Query, socket: &Socket<'_>, owners: OwnersOf<'_>) -> bool {
    let processes = owners.map(|owner| owner.process);
    let filter = &query.filter;
    filter.matches_owners(processes.clone()) && !filter.excepts(socket, processes)
}

/// So many sockets are looked up in one go. Tables of many sockets don't fit into a processor's
/// cache: one after the other, each look-up would wait for memory alone.
const AT_ONCE: usize = 64;

/// Shows every socket once as the kernel itself does, and its owners. `of_many`: of a namespace
/// with this number beside which others are read, those that are meant.
fn each_by_bpf(
    view: View<'_>,
    of_many: Option<(u64, &Query)>,
    reading: &Reading<'_>,
    mut visit: impl FnMut(&deadpeer_bpf::Socket, OwnersOf<'_>) -> ControlFlow<()>,
) -> Result<Repeated, BpfError> {
    let mut shown = FxHashSet::default();
    if of_many.is_none() {
        shown.reserve(reading.all_owners().descriptors());
    }
    let mut show = |sockets: &mut Vec<deadpeer_bpf::Socket>| {
        sockets.retain(|socket| shown.insert(socket.cookie));
        let owners = |socket: &deadpeer_bpf::Socket| reading.known_owners(socket.holding.inode());
        let owners: Vec<OwnersOf<'_>> = sockets.iter().map(owners).collect();
        let mut pairs = sockets.drain(..).zip(owners);
        pairs.try_for_each(|(socket, owners)| visit(&socket, owners))
    };
    let mut sockets = Vec::with_capacity(AT_ONCE);
    let mut visited = ControlFlow::Continue(());
    let whole = of_many.and_then(|(namespace, query)| {
        by_process::whole(view, reading.all_owners(), namespace, query)
    });
    match whole {
        Some(whole) => sockets = whole,
        None => view.each(|socket| {
            sockets.push(socket.clone());
            if sockets.len() == AT_ONCE {
                visited = show(&mut sockets);
            }
            visited
        })?,
    }
    if visited.is_continue() {
        visited = show(&mut sockets);
    }
    let mut last = DumpEnd::default();
    last.stopped = visited.is_break();
    Ok(Repeated { repeats: 0, last })
}

fn request(query: &Query) -> Request {
    let states = query.filter.states;
    Request {
        states: match query.context {
            true => states.with(TcpState::Listen),
            false => states,
        },
        tcp_info: query.tcp_info,
    }
}

/// How a dump that may have been repeated ended.
#[derive(Debug, PartialEq, Eq)]
struct Repeated {
    repeats: u32,
    last: DumpEnd,
}

/// Dumps until a dump is not interrupted, at most [`MAX_REPEATS`] times more, and shows every
/// socket once.
fn repeated<E>(
    mut dump: impl FnMut(&mut dyn FnMut(&Socket<'_>) -> ControlFlow<()>) -> Result<DumpEnd, E>,
    mut visit: impl FnMut(&Socket<'_>) -> ControlFlow<()>,
) -> Result<Repeated, E> {
    let mut shown = FxHashSet::default();
    let mut repeats = 0;
    loop {
        let last = dump(&mut |socket| match shown.insert(socket.cookie) {
            true => visit(socket),
            false => ControlFlow::Continue(()),
        })?;
        if last.stopped || !last.interrupted || repeats == MAX_REPEATS {
            return Ok(Repeated { repeats, last });
        }
        repeats += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn ended(interrupted: bool, stopped: bool) -> DumpEnd {
        let mut end = DumpEnd::default();
        end.interrupted = interrupted;
        end.stopped = stopped;
        end
    }

    /// Plays dumps, each a list of cookies and whether it was interrupted, and collects what is
    /// shown.
    fn play(dumps: &[(&[u64], bool)], stop_at: Option<u64>) -> (Repeated, Vec<u64>) {
        let mut dumps = dumps.iter();
        let mut shown = Vec::new();
        let any = "0.0.0.0:0".parse().unwrap();
        let dump = |visit: &mut dyn FnMut(&Socket<'_>) -> ControlFlow<()>| {
            let (cookies, interrupted) = dumps.next().expect("one dump too many");
            for cookie in *cookies {
                let mut socket = Socket::new(TcpState::Established, any, any);
                socket.cookie = *cookie;
                if visit(&socket).is_break() {
                    return Ok::<_, Infallible>(ended(*interrupted, true));
                }
            }
            Ok(ended(*interrupted, false))
        };
        let Ok(end) = repeated(dump, |socket| {
            shown.push(socket.cookie);
            match stop_at == Some(socket.cookie) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        (end, shown)
    }

    #[test]
    fn a_whole_dump_is_not_repeated() {
        let (end, shown) = play(&[(&[1, 2, 2, 3], false)], None);
        assert_eq!((end.repeats, end.last.interrupted), (0, false));
        assert_eq!(shown, [1, 2, 3]);
    }

    #[test]
    fn an_interrupted_dump_is_repeated_and_adds_what_was_missed() {
        let (end, shown) = play(&[(&[1, 3], true), (&[1, 2, 3, 4], false)], None);
        assert_eq!((end.repeats, end.last.interrupted), (1, false));
        assert_eq!(shown, [1, 3, 2, 4]);
    }

    #[test]
    fn a_table_that_never_rests_is_given_up() {
        let dumps: [(&[u64], bool); 4] =
            [(&[1], true), (&[2], true), (&[3], true), (&[1, 4], true)];
        let (end, shown) = play(&dumps, None);
        assert_eq!((end.repeats, end.last.interrupted), (3, true));
        assert_eq!(shown, [1, 2, 3, 4]);
    }

    #[test]
    fn who_stops_an_interrupted_dump_is_not_shown_it_again() {
        let (end, shown) = play(&[(&[1, 2, 3], true)], Some(2));
        assert!(end.last.stopped);
        assert_eq!((end.repeats, shown), (0, vec![1, 2]));
    }
}
