//! What to read from the connection table.

use crate::filter::Filter;

/// What to read, and of which connections. The default reads everything that can be known of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which connections.
    pub filter: Filter,
    /// Whether to find out who holds them: reads `/proc`. Done anyway if the filter or the settings
    /// need it.
    pub owners: bool,
    /// Whether to read the options in force: needs the owners, and to borrow each descriptor for a
    /// moment.
    pub settings: bool,
    /// Whether to read options that are not in force too: what `TCP_KEEPIDLE` was set to while
    /// keepalive is off.
    pub every_option: bool,
    /// Whether to fetch TCP_INFO.
    pub tcp_info: bool,
    /// Whether a forecast is all that TCP_INFO is wanted for. A table that [reads by
    /// eBPF](crate::Table::use_bpf) then shows everything from there alone,
    /// [moments](crate::Connection::snapshot) included, several times faster, and no
    /// [TCP_INFO](crate::Connection::tcp_info).
    pub forecast_only: bool,
    /// Whether to look at the TCP sockets that processes hold and that no table shows: to count the
    /// [descriptors of connections that are over](crate::Coverage::over), and to find the network
    /// namespaces that a socket alone keeps. Needs the owners.
    pub over: bool,
    /// Whether to show listeners that the filter leaves out, marked as not chosen.
    pub context: bool,
    /// Whether to show connections in FIN_WAIT2 that nobody holds and that the kernel keeps as
    /// little as those in TIME_WAIT, until `tcp_fin_timeout`.
    pub kept: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            owners: true,
            settings: true,
            every_option: false,
            tcp_info: true,
            forecast_only: false,
            over: false,
            context: false,
            kept: true,
        }
    }
}

impl Query {
    pub(crate) fn needs_owners(&self) -> bool {
        self.owners || self.settings || self.filter.needs_owners()
    }

    /// Whether sock_diag tells nothing that is wanted and can't be seen by eBPF.
    pub(crate) fn can_do_without_sock_diag(&self) -> bool {
        self.settings && (self.forecast_only || !self.tcp_info)
    }
}
