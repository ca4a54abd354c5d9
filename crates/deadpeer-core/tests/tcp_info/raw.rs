//! Every integer of the checked view, for tests that go through all of them.

use deadpeer_core::tcp_info::TcpInfoView;

/// Name, offset, width and value of each field.
pub(crate) fn raw_numbers(view: TcpInfoView<'_>) -> Vec<(&'static str, usize, usize, Option<u64>)> {
    macro_rules! call {
        ($($name:ident)*) => { [$((stringify!($name), view.$name().map(u64::from)),)*] };
    }
    let numbers = call!(
        state ca_state retransmits probes backoff options
        rto ato snd_mss rcv_mss unacked sacked lost retrans fackets
        last_data_sent last_ack_sent last_data_recv last_ack_recv
        pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering
        rcv_rtt rcv_space total_retrans pacing_rate max_pacing_rate bytes_acked bytes_received
        segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out
        delivery_rate busy_time rwnd_limited sndbuf_limited delivered delivered_ce
        bytes_sent bytes_retrans dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash
        total_rto total_rto_recoveries total_rto_time
        received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes
        received_e1_bytes received_e0_bytes received_ce_bytes accecn_fail_mode accecn_opt_seen
    );
    assert_eq!(numbers.len(), TcpInfoView::FIELDS.len());
    let fields = TcpInfoView::FIELDS.iter().zip(numbers);
    fields
        .map(|((name, offset, width), (called, value))| {
            assert_eq!(*name, called, "in the kernel's order");
            (*name, *offset, *width, value)
        })
        .collect()
}
