/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Sets options on chosen sockets of a network namespace, and tells what became of it. */
#include "look.h"
#include "options.h"

/* cookie -> struct change */
struct map changes SEC(".maps");

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
	u64 cookie = bpf_get_socket_cookie(sk);
	struct change *change = bpf_map_lookup_elem(&changes, &cookie);
	if (!change)
		return 0;

	struct outcome outcome = { .cookie = cookie };
	/* When the buffer was full, this socket is shown a second time: what was before is remembered. */
	if (change->seen) {
		outcome = change->outcome;
	} else {
		read_options(&outcome.before, tp);
		if (change->only_if.keepalive != UNSET && !same(&change->only_if, &outcome.before)) {
			outcome.option = CHANGED;
		} else {
			outcome.option = set_all(tp, &change->set, &outcome.error);
		}
		read_options(&outcome.after, tp);
		change->outcome = outcome;
		change->seen = 1;
	}
	bpf_seq_write(ctx->meta->seq, &outcome, sizeof(outcome));
	return 0;
}

char licence[] SEC("license") = "Dual MIT/GPL";
