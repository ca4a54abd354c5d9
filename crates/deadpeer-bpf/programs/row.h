/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Reading a socket as a row of the table. */
#pragma once

#include "look.h"
#include "timers.h"

/* Milliseconds to the moment with which a sender that paces itself would stamp the next segment. */
INLINE u32 until_next(struct tcp_sock *tp)
{
	u64 now = bpf_ktime_get_ns();
	return tp->tcp_wstamp_ns > now ? (tp->tcp_wstamp_ns - now) / 1000000 : 0;
}

/* What a connection or a listener has beyond what every socket has. */
INLINE void read_connection(struct row *row, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	struct sock *sk = &icsk->icsk_inet.sk;
	read_whole(&row->state, tp);
	if (row->state.state == TCP_LISTEN) {
		row->received = sk->sk_ack_backlog;
		row->queued = sk->sk_max_ack_backlog;
		row->requested = icsk->icsk_accept_queue.qlen.counter != 0;
	} else {
		s32 unread = tp->rcv_nxt - tp->copied_seq;
		row->received = unread > 0 ? unread : 0;
		row->queued = tp->write_seq - tp->snd_una;
	}
	row->rto = icsk->icsk_rto;
	row->backoff = icsk->icsk_backoff;
	row->srtt = tp->srtt_us >> 3;
	row->peer_window = tp->snd_wnd;
	row->packets_out = tp->packets_out;
	row->ssthresh = tp->snd_ssthresh;
	row->since_sent = since(tp->lsndtime);
	row->retransmitting = retransmitting(tp);
	row->probing = NEVER;
	if (field_exists(icsk->icsk_probes_tstamp))
		row->probing = since(icsk->icsk_probes_tstamp);
	if (field_exists(tp->tcp_wstamp_ns)) {
		row->pacing_rate = sk->sk_pacing_rate;
		row->mss = tp->mss_cache;
		row->until_next = until_next(tp);
	}
	row->thin = read_bits(u8, tp, thin_lto) != 0;
	row->sack = read_bits(u16, tp, rx_opt.sack_ok) != 0;
	read_timer(row, tp);
}
