/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Sets options on chosen sockets of a network namespace, and tells what became of it. */
#include "look.h"
#include "options.h"

#define BPF_SK_STORAGE_GET_F_CREATE 1

/* cookie -> struct chosen */
struct map sockets SEC(".maps");
/* struct change: few, as many sockets need the same. */
struct map changes SEC(".maps");
/* Sockets that a rule has adopted: struct adopted. */
struct map adopted SEC(".maps");

INLINE int same(const struct options *a, const struct options *b)
{
	return a->keepalive == b->keepalive && a->keepidle == b->keepidle && a->keepintvl == b->keepintvl &&
	       a->keepcnt == b->keepcnt && a->user_timeout == b->user_timeout && a->rto_max == b->rto_max &&
	       a->syncnt == b->syncnt;
}

SEC("iter/tcp")
int set(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	if (!sk)
		return 0;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	/* Its owner has closed it: it ends by itself. */
	if (sk->skc_flags & SOCK_DEAD)
		return 0;
	u64 cookie = bpf_get_socket_cookie(sk);
	struct chosen *chosen = bpf_map_lookup_elem(&sockets, &cookie);
	if (!chosen || chosen->done)
		return 0;
	const struct change *change = bpf_map_lookup_elem(&changes, &chosen->change);
	if (!change)
		return 0;

	struct outcome outcome = { .cookie = cookie };
	struct seq_file *seq = ctx->meta->seq;
	/* Where there is no room to tell of it, nothing is done yet: the kernel shows the socket again. */
	if (seq->size - seq->count >= sizeof(outcome)) {
		chosen->done = 1;
		read_options(&outcome.before, tp);
		if (change->only_if.keepalive != UNSET && !same(&change->only_if, &outcome.before))
			outcome.option = CHANGED;
		else
			outcome.option = set_all(tp, &change->set, &outcome.error);
		read_options(&outcome.after, tp);
		if (change->adopt)
			bpf_sk_storage_get(&adopted, tp, 0, BPF_SK_STORAGE_GET_F_CREATE);
	}
	bpf_seq_write(seq, &outcome, sizeof(outcome));
	return 0;
}

char licence[] SEC("license") = "Dual MIT/GPL";
