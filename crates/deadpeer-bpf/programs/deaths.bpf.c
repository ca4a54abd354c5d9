/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Tells of every connection that ends, with what its cause can be told from. */
#include "lives.h"
#include "look.h"

struct {
	u32 namespace; /* 0: every network namespace */
	u32 pid_namespace;
} const volatile config SEC(".rodata");

/* Ring buffer of struct death. */
struct map deaths SEC(".maps");
/* One u64: deaths that found the buffer full. */
struct map lost SEC(".maps");

#define ECONNABORTED 103

INLINE void done_by_current(struct life *life)
{
	life->pid = pid_in(bpf_get_current_task_btf(), config.pid_namespace);
	bpf_get_current_comm(life->comm, sizeof(life->comm));
}

INLINE void closed_by_current(struct life *life, u64 now)
{
	life->closed = now;
	done_by_current(life);
}

/* What comes from now on nobody reads, if the program has closed that half too. */
INLINE u32 data_segments(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	return tp && sk->sk_shutdown & RCV_SHUTDOWN ? tp->data_segs_in + 1 : 0;
}

/*
 * Whether it was ended by a call: closed with data unread, or with SO_LINGER 0, or before connect(2) was answered, which
 * leaves no error; or destroyed. What a timer or a packet ends, ends with an error or after a FIN of ours.
 */
INLINE int ended_by_call(s32 error, int from)
{
	if (from != TCP_ESTABLISHED && from != TCP_SYN_SENT && from != TCP_CLOSE_WAIT)
		return 0;
	return !error || error == ECONNABORTED;
}

/* Only connect(2) leads there. */
INLINE void was_begun(struct sock *sk)
{
	struct life life = {};
	done_by_current(&life);
	life.caller = life.pid;
	remember(bpf_get_socket_cookie(sk), &life);
}

INLINE void was_established(struct sock *sk, int from)
{
	u64 cookie = bpf_get_socket_cookie(sk);
	u64 now = bpf_ktime_get_ns();
	struct life *begun = from == TCP_SYN_SENT ? life_of(cookie) : 0;
	if (begun) {
		begun->established = now;
		return;
	}
	struct life life = { .established = now };
	remember(cookie, &life);
}

/* Only close(2), shutdown(2) and exit(2) lead to these states, so the current task is who did it. */
INLINE void was_finished(struct sock *sk)
{
	u64 cookie = bpf_get_socket_cookie(sk);
	u64 now = bpf_ktime_get_ns();
	struct life *known = life_of(cookie);
	if (known) {
		closed_by_current(known, now);
		known->data_segments = data_segments(sk);
		return;
	}
	struct life life = { .data_segments = data_segments(sk) };
	closed_by_current(&life, now);
	remember(cookie, &life);
}

INLINE void died(struct sock *sk, int from)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return;
	/* Nothing is known of connections that began before the report. */
	struct life life = forget(bpf_get_socket_cookie(sk));
	struct death *death = bpf_ringbuf_reserve(&deaths, sizeof(*death), 0);
	if (!death) {
		u32 only = 0;
		u64 *count = bpf_map_lookup_elem(&lost, &only);
		if (count)
			__sync_fetch_and_add(count, 1);
		return;
	}
	__builtin_memset(death, 0, sizeof(*death));
	struct inet_connection_sock *icsk = &tp->inet_conn;
	death->at = bpf_ktime_get_ns();
	read_common(&death->state, &sk->__sk_common);
	read_whole(&death->state, tp);
	death->bytes_received = tp->bytes_received;
	death->bytes_acknowledged = tp->bytes_acked;
	death->peer_window = tp->snd_wnd;
	death->rto = icsk->icsk_rto;
	death->since_sent = since(tp->lsndtime);
	death->peer_finished = !!(sk->__sk_common.skc_flags & SOCK_DONE);
	death->unread = tp->rcv_nxt - tp->copied_seq;
	/* A FIN that the application has not seen takes a number as well (RFC 9293, 3.4). */
	if (death->unread && death->peer_finished)
		death->unread--;
	death->data_after_close = life.data_segments && tp->data_segs_in + 1 != life.data_segments;
	death->life = life;
	if (!death->life.closed && ended_by_call(death->state.error, from))
		closed_by_current(&death->life, death->at);
	bpf_ringbuf_submit(death, 0);
}

SEC("tp_btf/inet_sock_set_state")
int state_changes(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	int from = ctx[1];
	int to = ctx[2];
	if (config.namespace && sk->__sk_common.skc_net.net->ns.inum != config.namespace)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (to == TCP_SYN_SENT)
		was_begun(sk);
	else if (to == TCP_ESTABLISHED)
		was_established(sk, from);
	else if (to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK)
		was_finished(sk);
	else if (to == TCP_CLOSE && from != TCP_CLOSE && from != TCP_LISTEN)
		died(sk, from);
	return 0;
}

char licence[] SEC("license") = "Dual MIT/GPL";
