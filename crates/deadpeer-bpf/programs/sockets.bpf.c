/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Shows every TCP socket of a network namespace. */
#include "look.h"

SEC("iter/tcp")
int sockets(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	if (!sk)
		return 0;
	struct row row = {};
	read_common(&row.state, sk);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	if (tp) {
		read_whole(&row.state, tp);
		row.backlog = tp->inet_conn.icsk_inet.sk.sk_ack_backlog;
		row.max_backlog = tp->inet_conn.icsk_inet.sk.sk_max_ack_backlog;
		row.rto = tp->inet_conn.icsk_rto;
		row.backoff = tp->inet_conn.icsk_backoff;
		row.timer = tp->inet_conn.icsk_pending;
		row.srtt = tp->srtt_us >> 3;
		row.total_retransmits = tp->total_retrans;
		row.peer_window = tp->snd_wnd;
	} else {
		row.state.uid = ctx->uid;
		/* FIN_WAIT2 without an owner is kept as little as TIME_WAIT. */
		struct tcp_timewait_sock *waiting = bpf_skc_to_tcp_timewait_sock(sk);
		if (waiting)
			row.state.state = waiting->tw_sk.tw_substate;
	}
	/* The buffer is full: the kernel shows this socket again. */
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

char licence[] SEC("license") = "Dual MIT/GPL";
