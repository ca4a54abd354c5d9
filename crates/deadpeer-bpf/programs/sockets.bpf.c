/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Shows every TCP socket of a network namespace. */
#include "row.h"

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
