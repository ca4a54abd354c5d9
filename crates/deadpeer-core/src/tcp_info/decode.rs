//! From the kernel's numbers to their meaning.

use super::layout::{
    DELIVERY_RATE, FASTOPEN_CLIENT_FAIL, LAST_WORD, LAST_WORD_BIT_FIELDS, MAX_SIZE, NO_FACKETS,
};
use super::{
    AccEcnFailures, AccEcnOption, CaState, EcnMode, FastopenFail, KernelVersion, Negotiated,
    TcpInfo, TcpInfoView,
};
use crate::TcpState;

/// `TCP_INFINITE_SSTHRESH` (include/net/tcp.h).
const INFINITE_SSTHRESH: u32 = 0x7fff_ffff;

impl TcpInfo {
    /// Decodes what `getsockopt(TCP_INFO)` or sock_diag returned, whatever its length.
    ///
    /// `kernel` is the kernel that wrote the bytes. Without it, or with one that never had such a
    /// structure, the few fields that the size alone can't tell stay `None`: `fackets`, the meaning
    /// of the last of 280 bytes, `fastopen_client_fail` below 240 bytes.
    #[must_use]
    #[inline(always)]
    pub fn decode(bytes: &[u8], kernel: Option<KernelVersion>) -> Self {
        // Of a length that is known beforehand, no field has to be asked whether it is there: most
        // of the work.
        match bytes.first_chunk::<MAX_SIZE>() {
            Some(whole) => decode(TcpInfoView::new(whole), kernel),
            None => decode_older(TcpInfoView::new(bytes), kernel),
        }
    }
}

/// What is rare is not inlined: else each field would go through the stack once more, to wherever
/// the ways meet.
#[cold]
#[inline(never)]
fn decode_older(view: TcpInfoView<'_>, kernel: Option<KernelVersion>) -> TcpInfo {
    decode(view, kernel)
}

#[inline(always)]
fn decode(view: TcpInfoView<'_>, kernel: Option<KernelVersion>) -> TcpInfo {
    match view.state().and_then(TcpState::from_kernel) {
        Some(TcpState::Listen) => listener(view),
        state => connection(view, kernel, state),
    }
}

/// `tcp_get_info` returns early for a listener; what older kernels wrote beyond that means nothing.
#[cold]
#[inline(never)]
fn listener(view: TcpInfoView<'_>) -> TcpInfo {
    TcpInfo {
        state: Some(TcpState::Listen),
        accept_queue: view.unacked(),
        accept_queue_max: view.sacked(),
        snd_cwnd: view.snd_cwnd(),
        reordering: view.reordering(),
        pacing_rate: bounded(view.pacing_rate()),
        max_pacing_rate: bounded(view.max_pacing_rate()),
        ..TcpInfo::default()
    }
}

#[inline(always)]
fn connection(
    view: TcpInfoView<'_>,
    kernel: Option<KernelVersion>,
    state: Option<TcpState>,
) -> TcpInfo {
    let since = |first: KernelVersion| kernel.is_some_and(|kernel| kernel >= first);
    let connected = connected(view, state);
    let options = view.options().filter(|_| connected).map(Negotiated);
    let scaled = options.is_some_and(Negotiated::wscale);
    let measured = view.rtt().is_some_and(|srtt| srtt != 0);
    let last_word = LastWord::read(view, kernel);
    TcpInfo {
        state,
        ca_state: view.ca_state().and_then(CaState::from_kernel),
        retransmits: view.retransmits(),
        probes: view.probes(),
        backoff: view.backoff(),
        options,
        snd_wscale: view.snd_wscale().filter(|_| scaled),
        rcv_wscale: view.rcv_wscale().filter(|_| scaled),
        delivery_rate_app_limited: view
            .delivery_rate_app_limited()
            .filter(|_| view.delivery_rate().is_some() || since(DELIVERY_RATE))
            .map(|bit| bit != 0),
        fastopen_client_fail: view
            .fastopen_client_fail()
            .filter(|_| view.rehash().is_some() || since(FASTOPEN_CLIENT_FAIL))
            .and_then(FastopenFail::from_kernel),
        rto_us: view.rto(),
        ato_us: nonzero(view.ato()),
        snd_mss: view.snd_mss(),
        rcv_mss: nonzero(view.rcv_mss()),
        accept_queue: None,
        accept_queue_max: None,
        unacked: view.unacked(),
        sacked: view.sacked(),
        lost: view.lost(),
        retrans: view.retrans(),
        fackets: view
            .fackets()
            .filter(|_| kernel.is_some_and(|kernel| kernel < NO_FACKETS)),
        last_data_sent_ms: view.last_data_sent().filter(|_| connected),
        last_data_recv_ms: view.last_data_recv().filter(|_| connected),
        last_ack_recv_ms: view.last_ack_recv().filter(|_| connected),
        pmtu: nonzero(view.pmtu()),
        rcv_ssthresh: view.rcv_ssthresh(),
        rtt_us: view.rtt().filter(|_| measured),
        rttvar_us: view.rttvar().filter(|_| measured),
        snd_ssthresh: view.snd_ssthresh().filter(|n| *n < INFINITE_SSTHRESH),
        snd_cwnd: view.snd_cwnd(),
        advmss: nonzero(view.advmss()),
        reordering: view.reordering(),
        rcv_rtt_us: nonzero(view.rcv_rtt()),
        rcv_space: nonzero(view.rcv_space()),
        total_retrans: view.total_retrans(),
        pacing_rate: bounded(view.pacing_rate()),
        max_pacing_rate: bounded(view.max_pacing_rate()),
        bytes_acked: view.bytes_acked(),
        bytes_received: view.bytes_received(),
        segs_out: view.segs_out(),
        segs_in: view.segs_in(),
        notsent_bytes: view
            .notsent_bytes()
            .filter(|_| connected || state != Some(TcpState::Close)),
        min_rtt_us: view.min_rtt().filter(|us| *us != u32::MAX),
        data_segs_in: view.data_segs_in(),
        data_segs_out: view.data_segs_out(),
        delivery_rate: view.delivery_rate().filter(|rate| *rate != 0),
        busy_time_us: view.busy_time(),
        rwnd_limited_us: view.rwnd_limited(),
        sndbuf_limited_us: view.sndbuf_limited(),
        delivered: view.delivered(),
        delivered_ce: view.delivered_ce(),
        bytes_sent: view.bytes_sent(),
        bytes_retrans: view.bytes_retrans(),
        dsack_dups: view.dsack_dups(),
        reord_seen: view.reord_seen(),
        rcv_ooopack: view.rcv_ooopack(),
        snd_wnd: view.snd_wnd().filter(|_| connected),
        rcv_wnd: view.rcv_wnd(),
        rehash: view.rehash(),
        total_rto: view.total_rto(),
        total_rto_recoveries: view.total_rto_recoveries(),
        total_rto_time_ms: view.total_rto_time(),
        received_ce: view.received_ce(),
        delivered_e1_bytes: view.delivered_e1_bytes(),
        delivered_e0_bytes: view.delivered_e0_bytes(),
        delivered_ce_bytes: view.delivered_ce_bytes(),
        received_e1_bytes: view.received_e1_bytes(),
        received_e0_bytes: view.received_e0_bytes(),
        received_ce_bytes: view.received_ce_bytes(),
        accecn_fail_mode: last_word.fail_mode,
        accecn_opt_seen: last_word.opt_seen,
        ecn_mode: last_word.ecn_mode,
        options2: last_word.options2,
    }
}

/// Whether the handshake was ever done. Before that the ages count from the boot, and the peer's
/// window reads as 0 though nobody announced it. `tcp_init_buffer_space` sets `rcv_space` when it
/// is done, and it never falls to 0 again.
fn connected(view: TcpInfoView<'_>, state: Option<TcpState>) -> bool {
    state != Some(TcpState::SynSent) && view.rcv_space() != Some(0)
}

/// The last four of 280 bytes: the same size, two meanings.
#[derive(Default)]
struct LastWord {
    fail_mode: Option<AccEcnFailures>,
    opt_seen: Option<AccEcnOption>,
    ecn_mode: Option<EcnMode>,
    options2: Option<u32>,
}

impl LastWord {
    fn read(view: TcpInfoView<'_>, kernel: Option<KernelVersion>) -> Self {
        match kernel {
            Some(kernel) if kernel >= LAST_WORD_BIT_FIELDS => Self {
                fail_mode: view
                    .accecn_fail_mode_bits()
                    .map(|bits| AccEcnFailures(bits.into())),
                opt_seen: view
                    .accecn_opt_seen_bits()
                    .and_then(|n| AccEcnOption::from_kernel(n.into())),
                ecn_mode: view.ecn_mode().and_then(EcnMode::from_kernel),
                options2: view.options2(),
            },
            Some(kernel) if kernel >= LAST_WORD => Self {
                fail_mode: view.accecn_fail_mode().map(AccEcnFailures),
                opt_seen: view.accecn_opt_seen().and_then(AccEcnOption::from_kernel),
                ..Self::default()
            },
            // An older kernel with these bytes is a distribution's: nobody knows which of the two
            // it took.
            Some(_) | None => Self::default(),
        }
    }
}

/// The kernel writes 0 for what it has not measured.
fn nonzero(number: Option<u32>) -> Option<u32> {
    number.filter(|n| *n != 0)
}

/// The kernel writes all ones for "no bound" (`~0U` widened before Linux 4.20, `~0UL` since).
fn bounded(rate: Option<u64>) -> Option<u64> {
    rate.filter(|rate| *rate != u64::MAX)
}
