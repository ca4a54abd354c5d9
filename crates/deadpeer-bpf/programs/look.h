/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Reading a socket. */
#pragma once

#include "bpf.h"
#include "records.h"

/* The number of the file that a socket is, 0 for none. */
INLINE u64 inode_of(struct sock *sk)
{
	if (field_exists(sk->sk_ino))
		return sk->sk_ino;
	struct socket *socket = sk->sk_socket;
	if (!socket)
		return 0;
	struct socket_alloc *alloc = (void *)socket - offset_of(struct socket_alloc, socket);
	u64 inode = 0;
	bpf_probe_read_kernel(&inode, sizeof(inode), &alloc->vfs_inode.i_ino);
	return inode;
}

/* The addresses of IPv4 are the last four bytes. */
INLINE void read_ends(struct ends *to, struct sock_common *sk)
{
	to->family = sk->skc_family;
	to->local_port = sk->skc_num;
	to->peer_port = __builtin_bswap16(sk->skc_dport);
	if (to->family == AF_INET) {
		*(u32 *)&to->local[12] = sk->skc_rcv_saddr;
		*(u32 *)&to->peer[12] = sk->skc_daddr;
	} else if (to->family == AF_INET6) {
		bpf_probe_read_kernel(to->local, sizeof(to->local), &sk->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(to->peer, sizeof(to->peer), &sk->skc_v6_daddr);
	}
}

INLINE void read_options(struct options *to, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	to->keepalive = !!(icsk->icsk_inet.sk.__sk_common.skc_flags & SOCK_KEEPOPEN);
	to->keepidle = tp->keepalive_time;
	to->keepintvl = tp->keepalive_intvl;
	to->keepcnt = tp->keepalive_probes;
	to->user_timeout = icsk->icsk_user_timeout;
	if (field_exists(icsk->icsk_rto_max))
		to->rto_max = icsk->icsk_rto_max;
	to->syncnt = icsk->icsk_syn_retries;
}

/* 0 is what the stamps begin with. */
INLINE u32 since(u32 stamp)
{
	return stamp ? (u32)bpf_jiffies64() - stamp : NEVER;
}

/* Milliseconds since the first segment of those in flight was sent again, or since connect(2). */
INLINE u32 retransmitting(struct tcp_sock *tp)
{
	if (!tp->retrans_stamp)
		return NEVER;
	u64 now = bpf_ktime_get_ns();
	if (field_exists(tp->tcp_usec_ts) && read_bits(u8, tp, tcp_usec_ts))
		return ((u32)(now / 1000) - tp->retrans_stamp) / 1000;
	return (u32)(now / 1000000) - tp->retrans_stamp;
}

/* What every socket has, connection requests and those in TIME_WAIT too. */
INLINE void read_common(struct state *to, struct sock_common *sk)
{
	to->cookie = bpf_get_socket_cookie(sk);
	to->namespace = sk->skc_net.net->ns.inum;
	to->state = sk->skc_state;
	read_ends(&to->ends, sk);
}

/* What only whole sockets have. */
INLINE void read_whole(struct state *to, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	struct sock *sk = &icsk->icsk_inet.sk;
	/* skc_num is 0 once the port is given back. */
	to->ends.local_port = __builtin_bswap16(icsk->icsk_inet.inet_sport);
	to->inode = inode_of(sk);
	if (field_exists(sk->sk_cgrp_data.cgroup))
		to->cgroup = sk->sk_cgrp_data.cgroup->kn->id;
	read_options(&to->options, tp);
	to->has_options = 1;
	to->uid = sk->sk_uid.val;
	to->error = sk->sk_err;
	to->soft_error = sk->sk_err_soft;
	to->dead = sk->__sk_common.skc_flags & SOCK_DEAD;
	to->unsent = tp->write_seq - tp->snd_nxt;
	to->unacknowledged = tp->snd_nxt - tp->snd_una;
	to->since_received = since(icsk->icsk_ack.lrcvtime);
	to->since_acknowledged = since(tp->rcv_tstamp);
	to->probes_out = icsk->icsk_probes_out;
	to->retransmits = icsk->icsk_retransmits;
	if (field_exists(tp->is_mptcp))
		to->multipath = tp->is_mptcp;
}

/* The number of a task's process in the pid namespace with this inode number, 0 if it is not in it. */
INLINE u32 pid_in(struct task_struct *task, u32 namespace)
{
	const u32 initial = 0xeffffffc; /* include/linux/proc_ns.h, PROC_PID_INIT_INO */
	if (namespace == initial)
		return task->tgid;
	struct pid *pid = task->group_leader->thread_pid;
	u32 level = pid->level;
	for (u32 at = 0; at < 32 && at <= level; at++) { /* include/linux/pid_namespace.h, MAX_PID_NS_LEVEL */
		struct upid upid;
		bpf_probe_read_kernel(&upid, sizeof(upid), (void *)pid + offset_of(struct pid, numbers) + at * sizeof(upid));
		u32 inum = 0;
		bpf_probe_read_kernel(&inum, sizeof(inum), &upid.ns->ns.inum);
		if (inum == namespace)
			return upid.nr;
	}
	return 0;
}
