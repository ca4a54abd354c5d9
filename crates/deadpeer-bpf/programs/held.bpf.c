/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Shows every TCP socket that a process holds, of whatever network namespace, as sockets.bpf.c does. */
#include "row.h"

SEC("iter/task_file")
int held(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	if (!file)
		return 0;
	struct socket *socket = bpf_sock_from_file(file);
	if (!socket || socket->type != SOCK_STREAM)
		return 0;
	struct sock *sk = socket->sk;
	if (!sk)
		return 0;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	/* What is closed, or was never connected, is in no table. */
	if (!tp || sk->__sk_common.skc_state == TCP_CLOSE)
		return 0;
	struct row row = { .jiffies = bpf_jiffies64() };
	read_common(&row.state, &sk->__sk_common);
	read_connection(&row, tp);
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

char licence[] SEC("license") = "Dual MIT/GPL";
