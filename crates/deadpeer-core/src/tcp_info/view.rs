//! The first level of decoding: a checked view over the bytes, numbers as the kernel wrote them.

/// The bytes of a `struct tcp_info` (include/uapi/linux/tcp.h) of any length.
///
/// Each method reads one field and is `None` when the bytes end before the field does. Numbers are
/// in the byte order of this machine, which is the kernel's that wrote them. What a number means,
/// and whether it means anything in this state, is [`TcpInfo`](super::TcpInfo)'s business.
#[derive(Debug, Clone, Copy)]
pub struct TcpInfoView<'a> {
    bytes: &'a [u8],
}

impl<'a> TcpInfoView<'a> {
    /// A view over what getsockopt(2) or `INET_DIAG_INFO` returned.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// How many bytes the kernel returned; see [`LAYOUTS`](super::LAYOUTS) for what that says.
    #[must_use]
    pub const fn size(self) -> usize {
        self.bytes.len()
    }

    #[inline]
    fn at<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..)?.first_chunk().copied()
    }
}

/// One method per field: name, type, offset in bytes.
macro_rules! fields {
    ($($name:ident: $int:ty = $offset:literal,)*) => {
        impl TcpInfoView<'_> {
            $(
                #[doc = concat!("`tcpi_", stringify!($name), "`, the ", stringify!($int), " at byte ", $offset, ".")]
                #[must_use]
                #[inline]
                pub fn $name(self) -> Option<$int> {
                    self.at($offset).map(<$int>::from_ne_bytes)
                }
            )*

            /// Every field that is an integer of its own: name, offset and width in bytes, in the
            /// kernel's order.
            pub const FIELDS: &'static [(&'static str, usize, usize)] =
                &[$((stringify!($name), $offset, size_of::<$int>()),)*];
        }
    };
}

fields! {
    state: u8 = 0,
    ca_state: u8 = 1,
    retransmits: u8 = 2,
    probes: u8 = 3,
    backoff: u8 = 4,
    options: u8 = 5,
    // Bytes 6 and 7 are bit fields.
    rto: u32 = 8,
    ato: u32 = 12,
    snd_mss: u32 = 16,
    rcv_mss: u32 = 20,
    unacked: u32 = 24,
    sacked: u32 = 28,
    lost: u32 = 32,
    retrans: u32 = 36,
    fackets: u32 = 40,
    last_data_sent: u32 = 44,
    last_ack_sent: u32 = 48,
    last_data_recv: u32 = 52,
    last_ack_recv: u32 = 56,
    pmtu: u32 = 60,
    rcv_ssthresh: u32 = 64,
    rtt: u32 = 68,
    rttvar: u32 = 72,
    snd_ssthresh: u32 = 76,
    snd_cwnd: u32 = 80,
    advmss: u32 = 84,
    reordering: u32 = 88,
    rcv_rtt: u32 = 92,
    rcv_space: u32 = 96,
    total_retrans: u32 = 100,
    pacing_rate: u64 = 104,
    max_pacing_rate: u64 = 112,
    bytes_acked: u64 = 120,
    bytes_received: u64 = 128,
    segs_out: u32 = 136,
    segs_in: u32 = 140,
    notsent_bytes: u32 = 144,
    min_rtt: u32 = 148,
    data_segs_in: u32 = 152,
    data_segs_out: u32 = 156,
    delivery_rate: u64 = 160,
    busy_time: u64 = 168,
    rwnd_limited: u64 = 176,
    sndbuf_limited: u64 = 184,
    delivered: u32 = 192,
    delivered_ce: u32 = 196,
    bytes_sent: u64 = 200,
    bytes_retrans: u64 = 208,
    dsack_dups: u32 = 216,
    reord_seen: u32 = 220,
    rcv_ooopack: u32 = 224,
    snd_wnd: u32 = 228,
    rcv_wnd: u32 = 232,
    rehash: u32 = 236,
    total_rto: u16 = 240,
    total_rto_recoveries: u16 = 242,
    total_rto_time: u32 = 244,
    received_ce: u32 = 248,
    delivered_e1_bytes: u32 = 252,
    delivered_e0_bytes: u32 = 256,
    delivered_ce_bytes: u32 = 260,
    received_e1_bytes: u32 = 264,
    received_e0_bytes: u32 = 268,
    received_ce_bytes: u32 = 272,
    // The last word: two numbers in Linux 6.18 and 6.19, bit fields from 7.0 on.
    accecn_fail_mode: u16 = 276,
    accecn_opt_seen: u16 = 278,
}

/// Bit fields. A C compiler starts at the low end on a little-endian machine, at the high end on a
/// big-endian one.
impl TcpInfoView<'_> {
    /// `tcpi_snd_wscale`, 4 bits of byte 6.
    #[must_use]
    pub fn snd_wscale(self) -> Option<u8> {
        self.bits8(6, 0, 4)
    }

    /// `tcpi_rcv_wscale`, 4 bits of byte 6.
    #[must_use]
    pub fn rcv_wscale(self) -> Option<u8> {
        self.bits8(6, 4, 4)
    }

    /// `tcpi_delivery_rate_app_limited`, 1 bit of byte 7; a padding bit before Linux 4.9.
    #[must_use]
    pub fn delivery_rate_app_limited(self) -> Option<u8> {
        self.bits8(7, 0, 1)
    }

    /// `tcpi_fastopen_client_fail`, 2 bits of byte 7; padding before Linux 5.5.
    #[must_use]
    pub fn fastopen_client_fail(self) -> Option<u8> {
        self.bits8(7, 1, 2)
    }

    /// `tcpi_ecn_mode`, 2 bits of the last word as Linux 7.0 lays it out.
    #[must_use]
    pub fn ecn_mode(self) -> Option<u8> {
        self.last_word(0, 2).map(low_byte)
    }

    /// `tcpi_accecn_opt_seen`, 2 bits of the last word as Linux 7.0 lays it out.
    #[must_use]
    pub fn accecn_opt_seen_bits(self) -> Option<u8> {
        self.last_word(2, 2).map(low_byte)
    }

    /// `tcpi_accecn_fail_mode`, 4 bits of the last word as Linux 7.0 lays it out.
    #[must_use]
    pub fn accecn_fail_mode_bits(self) -> Option<u8> {
        self.last_word(4, 4).map(low_byte)
    }

    /// `tcpi_options2`, 24 bits of the last word as Linux 7.0 lays it out.
    #[must_use]
    pub fn options2(self) -> Option<u32> {
        self.last_word(8, 24)
    }

    fn last_word(self, first: u32, count: u32) -> Option<u32> {
        let word = self.at(276).map(u32::from_ne_bytes)?;
        Some(bit_field(word, 32, first, count))
    }

    #[inline]
    fn bits8(self, offset: usize, first: u32, count: u32) -> Option<u8> {
        let byte = *self.bytes.get(offset)?;
        Some(low_byte(bit_field(u32::from(byte), 8, first, count)))
    }
}

/// The bit field that a C compiler puts `first` bits into a unit of `width` bits.
#[inline]
fn bit_field(unit: u32, width: u32, first: u32, count: u32) -> u32 {
    let shift = if cfg!(target_endian = "little") {
        first
    } else {
        width - first - count
    };
    (unit >> shift) & (u32::MAX >> (32 - count))
}

/// For fields of at most 8 bits.
fn low_byte(field: u32) -> u8 {
    field.to_le_bytes()[0]
}
