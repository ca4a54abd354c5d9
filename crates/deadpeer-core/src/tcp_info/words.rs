//! The kernel's small numbers inside TCP_INFO, as types.

/// Where loss recovery stands (include/uapi/linux/tcp.h, `enum tcp_ca_state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaState {
    /// Nothing bad observed recently.
    #[doc(alias = "TCP_CA_Open")]
    Open,
    /// Duplicate or selective acknowledgements: reordering or the begin of a loss.
    #[doc(alias = "TCP_CA_Disorder")]
    Disorder,
    /// The window was reduced for an ECN mark or a local drop.
    #[doc(alias = "TCP_CA_CWR")]
    Cwr,
    /// Fast recovery: retransmitting what acknowledgements show as lost.
    #[doc(alias = "TCP_CA_Recovery")]
    Recovery,
    /// The retransmission timer expired.
    #[doc(alias = "TCP_CA_Loss")]
    Loss,
}

impl CaState {
    pub(super) fn from_kernel(n: u8) -> Option<Self> {
        Some(match n {
            0 => Self::Open,
            1 => Self::Disorder,
            2 => Self::Cwr,
            3 => Self::Recovery,
            4 => Self::Loss,
            _ => return None,
        })
    }
}

/// What the two ends negotiated in their SYNs, and a little more (`tcpi_options`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Negotiated(pub(super) u8);

impl Negotiated {
    /// The kernel's bits, for those that a newer kernel adds.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Timestamps (RFC 7323) are on.
    #[doc(alias = "TCPI_OPT_TIMESTAMPS")]
    #[must_use]
    pub const fn timestamps(self) -> bool {
        self.0 & 1 != 0
    }

    /// Selective acknowledgements (RFC 2018) are on.
    #[doc(alias = "TCPI_OPT_SACK")]
    #[must_use]
    pub const fn sack(self) -> bool {
        self.0 & 2 != 0
    }

    /// Window scaling (RFC 7323) is on.
    #[doc(alias = "TCPI_OPT_WSCALE")]
    #[must_use]
    pub const fn wscale(self) -> bool {
        self.0 & 4 != 0
    }

    /// ECN was negotiated.
    #[doc(alias = "TCPI_OPT_ECN")]
    #[must_use]
    pub const fn ecn(self) -> bool {
        self.0 & 8 != 0
    }

    /// At least one packet came with an ECN mark (Linux 3.2).
    #[doc(alias = "TCPI_OPT_ECN_SEEN")]
    #[must_use]
    pub const fn ecn_seen(self) -> bool {
        self.0 & 16 != 0
    }

    /// Data in the SYN was acknowledged: TCP Fast Open worked (Linux 3.7).
    #[doc(alias = "TCPI_OPT_SYN_DATA")]
    #[must_use]
    pub const fn syn_data(self) -> bool {
        self.0 & 32 != 0
    }

    /// Timestamps count microseconds (Linux 6.7).
    #[doc(alias = "TCPI_OPT_USEC_TS")]
    #[must_use]
    pub const fn usec_ts(self) -> bool {
        self.0 & 64 != 0
    }

    /// Accepted through a Fast Open option in the SYN (Linux 6.16).
    #[doc(alias = "TCPI_OPT_TFO_CHILD")]
    #[must_use]
    pub const fn tfo_child(self) -> bool {
        self.0 & 128 != 0
    }
}

/// Why a client's TCP Fast Open did not work (`enum tcp_fastopen_client_fail`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FastopenFail {
    /// No failure, or none with a name.
    #[doc(alias = "TFO_STATUS_UNSPEC")]
    Unspecified,
    /// There was no cookie for this server.
    #[doc(alias = "TFO_COOKIE_UNAVAILABLE")]
    CookieUnavailable,
    /// The SYN-ACK did not acknowledge the data.
    #[doc(alias = "TFO_DATA_NOT_ACKED")]
    DataNotAcked,
    /// The SYN had to be sent again, and its SYN-ACK did not acknowledge the data.
    #[doc(alias = "TFO_SYN_RETRANSMITTED")]
    SynRetransmitted,
}

impl FastopenFail {
    pub(super) fn from_kernel(n: u8) -> Option<Self> {
        Some(match n {
            0 => Self::Unspecified,
            1 => Self::CookieUnavailable,
            2 => Self::DataNotAcked,
            3 => Self::SynRetransmitted,
            _ => return None,
        })
    }
}

/// Which ECN was negotiated (`tcpi_ecn_mode`, Linux 7.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EcnMode {
    /// None.
    #[doc(alias = "TCPI_ECN_MODE_DISABLED")]
    Disabled,
    /// The classic one of RFC 3168.
    #[doc(alias = "TCPI_ECN_MODE_RFC3168")]
    Rfc3168,
    /// Accurate ECN, RFC 9768.
    #[doc(alias = "TCPI_ECN_MODE_ACCECN")]
    AccEcn,
    /// Not settled yet.
    #[doc(alias = "TCPI_ECN_MODE_PENDING")]
    Pending,
}

impl EcnMode {
    pub(super) fn from_kernel(n: u8) -> Option<Self> {
        Some(match n {
            0 => Self::Disabled,
            1 => Self::Rfc3168,
            2 => Self::AccEcn,
            3 => Self::Pending,
            _ => return None,
        })
    }
}

/// Which AccECN option (RFC 9768) the peer has sent (`tcpi_accecn_opt_seen`, Linux 6.18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccEcnOption {
    /// None yet.
    #[doc(alias = "TCP_ACCECN_OPT_NOT_SEEN")]
    NotSeen,
    /// An empty one.
    #[doc(alias = "TCP_ACCECN_OPT_EMPTY_SEEN")]
    Empty,
    /// One with counters.
    #[doc(alias = "TCP_ACCECN_OPT_COUNTER_SEEN")]
    Counter,
    /// One that makes no sense.
    #[doc(alias = "TCP_ACCECN_OPT_FAIL_SEEN")]
    Failed,
}

impl AccEcnOption {
    pub(super) fn from_kernel(n: u16) -> Option<Self> {
        Some(match n {
            0 => Self::NotSeen,
            1 => Self::Empty,
            2 => Self::Counter,
            3 => Self::Failed,
            _ => return None,
        })
    }
}

/// What of AccECN the path is known to break (`tcpi_accecn_fail_mode`, Linux 6.18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AccEcnFailures(pub(super) u16);

impl AccEcnFailures {
    /// The kernel's bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The header's counter does not survive on the way out.
    #[doc(alias = "TCP_ACCECN_ACE_FAIL_SEND")]
    #[must_use]
    pub const fn ace_send(self) -> bool {
        self.0 & 1 != 0
    }

    /// The header's counter does not survive on the way in.
    #[doc(alias = "TCP_ACCECN_ACE_FAIL_RECV")]
    #[must_use]
    pub const fn ace_recv(self) -> bool {
        self.0 & 2 != 0
    }

    /// The option does not survive on the way out.
    #[doc(alias = "TCP_ACCECN_OPT_FAIL_SEND")]
    #[must_use]
    pub const fn option_send(self) -> bool {
        self.0 & 4 != 0
    }

    /// The option does not survive on the way in.
    #[doc(alias = "TCP_ACCECN_OPT_FAIL_RECV")]
    #[must_use]
    pub const fn option_recv(self) -> bool {
        self.0 & 8 != 0
    }
}
