//! One row of the machine's connection table.

use deadpeer_core::{KernelVersion, Snapshot, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::Socket;

use super::bpf::BpfDetails;
use super::owners::{Owner, OwnersOf};
use super::settings::Settings;

/// A connection or a listener, borrowed while the table is read.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// What the kernel's table says.
    pub socket: &'a Socket<'a>,
    /// The options in force, and if not, why.
    pub settings: Settings,
    /// Whether the filter chose it. A listener that it left out is shown all the same if the query
    /// asked for [`Query::context`](crate::Query::context): the connections it accepted can't be
    /// understood without it.
    pub chosen: bool,
    /// What the kernel itself shows of it, if the table [reads by eBPF](crate::Table::use_bpf).
    pub bpf: Option<BpfDetails>,
    /// The state of the Multipath TCP connection that it is a part of.
    pub(crate) whole: Option<TcpState>,
    /// What was seen by eBPF, in place of a TCP_INFO.
    pub(crate) moment: Option<Snapshot>,
    pub(crate) owners: OwnersOf<'a>,
    pub(crate) kernel: Option<KernelVersion>,
}

impl<'a> Connection<'a> {
    /// A row made of its parts.
    #[must_use]
    pub fn new(socket: &'a Socket<'a>, owners: OwnersOf<'a>, settings: Settings) -> Self {
        Self {
            socket,
            settings,
            chosen: true,
            bpf: None,
            whole: None,
            moment: None,
            owners,
            kernel: None,
        }
    }

    /// Every process that holds it and that we may look into; none if owners were not asked for.
    #[must_use]
    pub fn owners(&self) -> OwnersOf<'a> {
        self.owners
    }

    /// The first of its owners: the one with the lowest place in `/proc`, a parent before its
    /// children as a rule.
    #[must_use]
    pub fn owner(&self) -> Option<Owner<'a>> {
        self.owners().next()
    }

    /// Whether a program holds it whose peer has closed: in CLOSE_WAIT, or a part of a Multipath
    /// TCP connection that is.
    #[must_use]
    pub fn is_unclosed(&self) -> bool {
        let waits = |state| state == TcpState::CloseWait;
        self.socket.inode.is_some() && (waits(self.socket.state) || self.whole.is_some_and(waits))
    }

    /// The kernel's TCP_INFO, decoded; `None` in states without (TIME_WAIT, a listener's queue),
    /// and where [a forecast was all](crate::Query::forecast_only) that it was wanted for.
    #[must_use]
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        self.socket
            .tcp_info
            .map(|bytes| TcpInfo::decode(bytes, self.kernel))
    }

    /// The moment at which the table showed it, for a forecast. `info` is [`Connection::tcp_info`],
    /// if decoded.
    #[must_use]
    pub fn snapshot(&self, info: Option<&TcpInfo>) -> Snapshot {
        self.moment.unwrap_or_else(|| self.socket.snapshot(info))
    }
}
