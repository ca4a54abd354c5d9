/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Shows every descriptor of a TCP socket, or of a Multipath TCP one, and whose it is. */
#include "look.h"

struct {
	u32 pid_namespace;
} const volatile config SEC(".rodata");

SEC("iter/task_file")
int owners(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct task_struct *task = ctx->task;
	if (!file || !task)
		return 0;
	struct socket *socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	struct sock *sk = socket->sk;
	if (!sk || (sk->sk_protocol != IPPROTO_TCP && sk->sk_protocol != IPPROTO_MPTCP))
		return 0;
	u16 family = sk->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	struct owner owner = {
		.inode = inode_of(sk),
		.pid = pid_in(task, config.pid_namespace),
		.fd = ctx->fd,
		.namespace = sk->__sk_common.skc_net.net->ns.inum,
	};
	bpf_seq_write(ctx->meta->seq, &owner, sizeof(owner));
	return 0;
}

char licence[] SEC("license") = "Dual MIT/GPL";
