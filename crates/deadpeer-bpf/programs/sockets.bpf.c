/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Shows every TCP socket of a network namespace. */
#include "look.h"
#include "timers.h"

INLINE void read_connection(struct row *row, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	struct sock *sk = &icsk->icsk_inet.sk;
	read_whole(&row->state, tp);
	if (row->state.state == TCP_LISTEN) {
		row->received = sk->sk_ack_backlog;
		row->queued = sk->sk_max_ack_backlog;
	} else {
		s32 unread = tp->rcv_nxt - tp->copied_seq;
		row->received = unread > 0 ? unread : 0;
		row->queued = tp->write_seq - tp->snd_una;
	}
	row->rto = icsk->icsk_rto;
	row->backoff = icsk->icsk_backoff;
	row->srtt = tp->srtt_us >> 3;
	row->total_retransmits = tp->total_retrans;
	row->peer_window = tp->snd_wnd;
	row->packets_out = tp->packets_out;
	row->ssthresh = tp->snd_ssthresh;
	row->since_sent = since(tp->lsndtime);
	row->retransmitting = retransmitting(tp);
	row->probing = NEVER;
	if (field_exists(icsk->icsk_probes_tstamp))
		row->probing = since(icsk->icsk_probes_tstamp);
	row->thin = read_bits(u8, tp, thin_lto) != 0;
	row->sack = read_bits(u16, tp, rx_opt.sack_ok) != 0;
	read_timer(row, tp);
}

SEC("iter/tcp")
int sockets(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	if (!sk)
		return 0;
	struct row row = { .jiffies = bpf_jiffies64() };
	read_common(&row.state, sk);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	if (tp) {
		read_connection(&row, tp);
	} else {
		row.state.uid = ctx->uid;
		/* FIN_WAIT2 without an owner is kept as little as TIME_WAIT. */
		struct tcp_timewait_sock *waiting = bpf_skc_to_tcp_timewait_sock(sk);
		struct tcp_request_sock *request = bpf_skc_to_tcp_request_sock(sk);
		if (waiting) {
			row.state.state = waiting->tw_sk.tw_substate;
			row.timer = TIMER_TIME_WAIT;
			read_wait(&row, &waiting->tw_sk.tw_timer);
		} else if (request) {
			row.timer = TIMER_RETRANSMIT;
			read_wait(&row, &request->req.req.rsk_timer);
			row.unanswered = request->req.req.num_retrans;
		}
	}
	/* The buffer is full: the kernel shows this socket again. */
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

char licence[] SEC("license") = "Dual MIT/GPL";
