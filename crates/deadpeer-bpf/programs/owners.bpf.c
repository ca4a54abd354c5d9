/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Shows every descriptor of a stream socket of IPv4 or IPv6, and whose it is: of TCP, and of what stands in for it. */
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
	/*
	 * What stands in the socket or is every socket's: each look at the connection behind it, one of very many, would
	 * wait for memory.
	 */
	const struct proto_ops *ops = socket->ops;
	if (!ops || socket->type != SOCK_STREAM)
		return 0;
	int family = ops->family;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	struct owner owner = {
		.inode = file->f_inode->i_ino,
		.pid = pid_in(task, config.pid_namespace),
		.fd = ctx->fd,
	};
	bpf_seq_write(ctx->meta->seq, &owner, sizeof(owner));
	return 0;
}

char licence[] SEC("license") = "Dual MIT/GPL";
