//! The second level of decoding: what TCP_INFO says, in words and units.

use super::{AccEcnFailures, AccEcnOption, CaState, EcnMode, FastopenFail, Negotiated};
use crate::TcpState;

/// What the kernel says about a TCP socket.
///
/// A field is `None` when the kernel didn't report it: the structure ended before, the number isn't
/// measured yet, or it means nothing in this state. Of a listener only the accept queue, the pacing
/// rates, `snd_cwnd` and `reordering` are reported. Names are the kernel's without `tcpi_`, with
/// the unit of a time added. The version at a field is the first Linux that has it; none stands at
/// what Linux 2.6.37 has. 32-bit counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct TcpInfo {
    /// The connection's state.
    #[doc(alias = "tcpi_state")]
    pub state: Option<TcpState>,
    /// Where loss recovery stands.
    #[doc(alias = "tcpi_ca_state")]
    pub ca_state: Option<CaState>,
    /// Retransmission timeouts in a row that no acknowledgement has answered.
    #[doc(alias = "tcpi_retransmits")]
    pub retransmits: Option<u8>,
    /// Keepalive or zero-window probes that no answer has followed.
    #[doc(alias = "tcpi_probes")]
    pub probes: Option<u8>,
    /// How often the retransmission or zero-window wait has doubled.
    #[doc(alias = "tcpi_backoff")]
    pub backoff: Option<u8>,
    /// What the two ends negotiated; `None` before the handshake is done.
    #[doc(alias = "tcpi_options")]
    pub options: Option<Negotiated>,
    /// Shift of the windows that the peer announces; `None` without window scaling.
    #[doc(alias = "tcpi_snd_wscale")]
    pub snd_wscale: Option<u8>,
    /// Shift of the windows that we announce; `None` without window scaling.
    #[doc(alias = "tcpi_rcv_wscale")]
    pub rcv_wscale: Option<u8>,
    /// Whether `delivery_rate` was bound by the application, not by the network (Linux 4.9).
    #[doc(alias = "tcpi_delivery_rate_app_limited")]
    pub delivery_rate_app_limited: Option<bool>,
    /// Why TCP Fast Open did not work (Linux 5.5; its size is that of 5.4, so without a version
    /// `None` at 232 bytes).
    #[doc(alias = "tcpi_fastopen_client_fail")]
    pub fastopen_client_fail: Option<FastopenFail>,

    /// Retransmission timeout, backoff included, microseconds (RFC 6298).
    #[doc(alias = "tcpi_rto")]
    pub rto_us: Option<u32>,
    /// Predicted delay of our own delayed acknowledgements, microseconds; `None` before data came.
    #[doc(alias = "tcpi_ato")]
    pub ato_us: Option<u32>,
    /// Largest segment that is sent, bytes of payload.
    #[doc(alias = "tcpi_snd_mss")]
    pub snd_mss: Option<u32>,
    /// Estimated size of the peer's segments, bytes of payload.
    #[doc(alias = "tcpi_rcv_mss")]
    pub rcv_mss: Option<u32>,

    /// Connections that wait for accept(); listeners alone.
    #[doc(alias = "tcpi_unacked")]
    pub accept_queue: Option<u32>,
    /// How many connections may wait for accept(): the backlog of listen(2); listeners alone.
    #[doc(alias = "tcpi_sacked")]
    pub accept_queue_max: Option<u32>,

    /// Segments sent and not acknowledged, a SYN or FIN included.
    #[doc(alias = "tcpi_unacked")]
    pub unacked: Option<u32>,
    /// Segments that the peer acknowledged selectively.
    #[doc(alias = "tcpi_sacked")]
    pub sacked: Option<u32>,
    /// Segments taken for lost.
    #[doc(alias = "tcpi_lost")]
    pub lost: Option<u32>,
    /// Segments in flight that are retransmissions.
    #[doc(alias = "tcpi_retrans")]
    pub retrans: Option<u32>,
    /// Segments up to the highest selective acknowledgement; only of a kernel known to be older
    /// than 4.15, which stopped counting.
    #[doc(alias = "tcpi_fackets")]
    pub fackets: Option<u32>,

    /// Milliseconds since data was last sent, retransmissions included, or since the handshake;
    /// `None` before that.
    #[doc(alias = "tcpi_last_data_sent")]
    pub last_data_sent_ms: Option<u32>,
    /// Milliseconds since data was last received, or since the handshake; `None` before that.
    #[doc(alias = "tcpi_last_data_recv")]
    pub last_data_recv_ms: Option<u32>,
    /// Milliseconds since an acknowledgement was last received; `None` before the handshake is
    /// done.
    ///
    /// Every segment of a connection acknowledges something, so this is when the peer was last
    /// heard.
    #[doc(alias = "tcpi_last_ack_recv")]
    pub last_ack_recv_ms: Option<u32>,

    /// Path MTU, bytes.
    #[doc(alias = "tcpi_pmtu")]
    pub pmtu: Option<u32>,
    /// Bound of the window that we announce, bytes.
    #[doc(alias = "tcpi_rcv_ssthresh")]
    pub rcv_ssthresh: Option<u32>,
    /// Smoothed round-trip time, microseconds; `None` before the first measurement.
    #[doc(alias = "tcpi_rtt")]
    #[doc(alias = "srtt")]
    pub rtt_us: Option<u32>,
    /// Mean deviation of the round-trip time, microseconds; `None` before the first measurement.
    #[doc(alias = "tcpi_rttvar")]
    pub rttvar_us: Option<u32>,
    /// Slow-start threshold, segments; `None` while there is none (the kernel's infinity,
    /// 0x7fffffff).
    #[doc(alias = "tcpi_snd_ssthresh")]
    pub snd_ssthresh: Option<u32>,
    /// Congestion window, segments.
    #[doc(alias = "tcpi_snd_cwnd")]
    pub snd_cwnd: Option<u32>,
    /// Largest segment that we announced, bytes of payload.
    #[doc(alias = "tcpi_advmss")]
    pub advmss: Option<u32>,
    /// How many segments may arrive out of order before one counts as lost.
    #[doc(alias = "tcpi_reordering")]
    pub reordering: Option<u32>,
    /// Round-trip time measured as a receiver, microseconds; `None` before the first measurement.
    #[doc(alias = "tcpi_rcv_rtt")]
    pub rcv_rtt_us: Option<u32>,
    /// Bytes that the application read in the last round trip, for tuning the receive buffer.
    #[doc(alias = "tcpi_rcv_space")]
    pub rcv_space: Option<u32>,
    /// Segments ever retransmitted.
    #[doc(alias = "tcpi_total_retrans")]
    pub total_retrans: Option<u32>,

    /// Pacing rate, bytes a second (Linux 3.15); `None` while unbounded.
    #[doc(alias = "tcpi_pacing_rate")]
    pub pacing_rate: Option<u64>,
    /// `SO_MAX_PACING_RATE`, bytes a second (Linux 3.15); `None` while unbounded.
    #[doc(alias = "tcpi_max_pacing_rate")]
    pub max_pacing_rate: Option<u64>,
    /// Bytes that the peer acknowledged (Linux 4.1). Our FIN counts one, and so does the SYN of the
    /// connecting end.
    #[doc(alias = "tcpi_bytes_acked")]
    pub bytes_acked: Option<u64>,
    /// Bytes received in order; the peer's FIN counts one (Linux 4.1).
    #[doc(alias = "tcpi_bytes_received")]
    pub bytes_received: Option<u64>,
    /// Segments sent, of every kind (Linux 4.2).
    #[doc(alias = "tcpi_segs_out")]
    pub segs_out: Option<u32>,
    /// Segments received, of every kind (Linux 4.2).
    #[doc(alias = "tcpi_segs_in")]
    pub segs_in: Option<u32>,

    /// Bytes queued and never sent yet (Linux 4.6).
    #[doc(alias = "tcpi_notsent_bytes")]
    pub notsent_bytes: Option<u32>,
    /// Smallest round-trip time of the last minutes (`tcp_min_rtt_wlen`), microseconds (Linux 4.6);
    /// `None` before the first measurement.
    #[doc(alias = "tcpi_min_rtt")]
    pub min_rtt_us: Option<u32>,
    /// Segments with data received (Linux 4.6).
    #[doc(alias = "tcpi_data_segs_in")]
    pub data_segs_in: Option<u32>,
    /// Segments with data sent, retransmissions included (Linux 4.6).
    #[doc(alias = "tcpi_data_segs_out")]
    pub data_segs_out: Option<u32>,
    /// Latest measured rate of delivery, bytes a second (Linux 4.9); `None` before the first
    /// measurement.
    #[doc(alias = "tcpi_delivery_rate")]
    pub delivery_rate: Option<u64>,

    /// Time with data to send or in flight, microseconds (Linux 4.10).
    #[doc(alias = "tcpi_busy_time")]
    pub busy_time_us: Option<u64>,
    /// The part of it that waited for the peer's window, microseconds (Linux 4.10).
    #[doc(alias = "tcpi_rwnd_limited")]
    pub rwnd_limited_us: Option<u64>,
    /// The part of it that waited for room in our own send buffer, microseconds (Linux 4.10).
    #[doc(alias = "tcpi_sndbuf_limited")]
    pub sndbuf_limited_us: Option<u64>,

    /// Segments with data that the peer has, those out of order included (Linux 4.18).
    #[doc(alias = "tcpi_delivered")]
    pub delivered: Option<u32>,
    /// Those of them that came back with an ECN mark (Linux 4.18).
    #[doc(alias = "tcpi_delivered_ce")]
    pub delivered_ce: Option<u32>,
    /// Bytes of data sent, retransmissions included (Linux 4.19).
    #[doc(alias = "tcpi_bytes_sent")]
    pub bytes_sent: Option<u64>,
    /// Bytes of data retransmitted (Linux 4.19).
    #[doc(alias = "tcpi_bytes_retrans")]
    pub bytes_retrans: Option<u64>,
    /// Duplicates that the peer reported (Linux 4.19).
    #[doc(alias = "tcpi_dsack_dups")]
    pub dsack_dups: Option<u32>,
    /// Reorderings seen (Linux 4.19).
    #[doc(alias = "tcpi_reord_seen")]
    pub reord_seen: Option<u32>,
    /// Segments received out of order (Linux 5.4).
    #[doc(alias = "tcpi_rcv_ooopack")]
    pub rcv_ooopack: Option<u32>,
    /// The window that the peer announced, bytes after scaling; 0: it takes no data now (Linux
    /// 5.4). `None` before the handshake is done.
    #[doc(alias = "tcpi_snd_wnd")]
    pub snd_wnd: Option<u32>,
    /// The window that we announce, bytes after scaling (Linux 6.2).
    #[doc(alias = "tcpi_rcv_wnd")]
    pub rcv_wnd: Option<u32>,
    /// How often the flow label changed to try another path (Linux 6.2).
    #[doc(alias = "tcpi_rehash")]
    pub rehash: Option<u32>,

    /// Retransmission timeouts ever (Linux 6.7).
    #[doc(alias = "tcpi_total_rto")]
    pub total_rto: Option<u16>,
    /// Recoveries after a retransmission timeout ever, an unfinished one included (Linux 6.7).
    #[doc(alias = "tcpi_total_rto_recoveries")]
    pub total_rto_recoveries: Option<u16>,
    /// Time spent in such recoveries, an unfinished one included, milliseconds (Linux 6.7).
    #[doc(alias = "tcpi_total_rto_time")]
    pub total_rto_time_ms: Option<u32>,

    /// Segments received with a congestion mark (Linux 6.18).
    #[doc(alias = "tcpi_received_ce")]
    pub received_ce: Option<u32>,
    /// Bytes delivered with the mark ECT(1), as the peer counts (AccECN, Linux 6.18).
    #[doc(alias = "tcpi_delivered_e1_bytes")]
    pub delivered_e1_bytes: Option<u32>,
    /// Bytes delivered with the mark ECT(0), as the peer counts (AccECN, Linux 6.18).
    #[doc(alias = "tcpi_delivered_e0_bytes")]
    pub delivered_e0_bytes: Option<u32>,
    /// Bytes delivered with a congestion mark, as the peer counts (AccECN, Linux 6.18).
    #[doc(alias = "tcpi_delivered_ce_bytes")]
    pub delivered_ce_bytes: Option<u32>,
    /// Bytes received with the mark ECT(1) (AccECN, Linux 6.18).
    #[doc(alias = "tcpi_received_e1_bytes")]
    pub received_e1_bytes: Option<u32>,
    /// Bytes received with the mark ECT(0) (AccECN, Linux 6.18).
    #[doc(alias = "tcpi_received_e0_bytes")]
    pub received_e0_bytes: Option<u32>,
    /// Bytes received with a congestion mark (AccECN, Linux 6.18).
    #[doc(alias = "tcpi_received_ce_bytes")]
    pub received_ce_bytes: Option<u32>,
    /// What of AccECN the path breaks (Linux 6.18). Needs the kernel's version: its place changed
    /// in 7.0.
    #[doc(alias = "tcpi_accecn_fail_mode")]
    pub accecn_fail_mode: Option<AccEcnFailures>,
    /// Which AccECN option the peer sent (Linux 6.18). Needs the kernel's version: its place
    /// changed in 7.0.
    #[doc(alias = "tcpi_accecn_opt_seen")]
    pub accecn_opt_seen: Option<AccEcnOption>,
    /// Which ECN was negotiated (Linux 7.0). Needs the kernel's version.
    #[doc(alias = "tcpi_ecn_mode")]
    pub ecn_mode: Option<EcnMode>,
    /// 24 more option bits, none of them with a meaning yet (Linux 7.0). Needs the kernel's
    /// version.
    #[doc(alias = "tcpi_options2")]
    pub options2: Option<u32>,
}

// A machine has hundreds of thousands of them.
const _: () = assert!(size_of::<TcpInfo>() <= 640);
