/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Gives every new connection of a cgroup the options that a deadline takes, and leaves alone what is good enough. */
#include "wish.h"

/* include/uapi/linux/bpf.h */
#define BPF_SOCK_OPS_TCP_CONNECT_CB 3
#define BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB 4
#define BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB 5

struct bpf_sock_ops {
	u32 op;
	u32 unread[45];
	void *sk; /* struct bpf_sock */
};

/* One struct memory. */
struct map memory SEC(".maps");

/* What became of options, added up. */
enum {
	LEFT = 0,
	SET = 1,
	REFUSED = 2,
};

INLINE int give(struct bpf_sock_ops *ctx, int level, int option, u64 made, u64 now)
{
	u64 value = made;
	if (!differs(made, now))
		return LEFT;
	return bpf_setsockopt(ctx, level, option, &value, sizeof(u32)) ? REFUSED : SET;
}

/* What the program has on its socket. Its keepalive is not asked for where it has none. */
INLINE void read_wish(struct bpf_sock_ops *ctx, const struct rule *rule, struct wish *wish)
{
	wish->user_timeout = ask(ctx, SOL_TCP, TCP_USER_TIMEOUT);
	wish->rto_max = rule->calm.set.rto_max == UNSET ? UNSET : ask(ctx, SOL_TCP, TCP_RTO_MAX_MS);
	wish->keepalive = ask(ctx, SOL_SOCKET, SO_KEEPALIVE) == 1 ? SWITCHED_ON : NOT_ASKED;
	if (wish->keepalive == SWITCHED_ON)
		ask_keepalive(ctx, wish);
}

INLINE int bound_connecting(struct bpf_sock_ops *ctx, const struct rule *rule)
{
	u32 most = rule->calm.set.syncnt;
	if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB || most == UNSET)
		return LEFT;
	u32 syncnt = ask(ctx, SOL_TCP, TCP_SYNCNT);
	return give(ctx, SOL_TCP, TCP_SYNCNT, least(syncnt, most), syncnt);
}

/* On a connection that is new, SO_KEEPALIVE may be last: the timer is armed once instead of twice. */
INLINE int set_on_new(struct bpf_sock_ops *ctx, const struct wish *made, const struct wish *now)
{
	return give(ctx, SOL_TCP, TCP_USER_TIMEOUT, made->user_timeout, now->user_timeout) |
	       give(ctx, SOL_TCP, TCP_RTO_MAX_MS, made->rto_max, now->rto_max) |
	       give(ctx, SOL_TCP, TCP_KEEPIDLE, made->keepidle, now->keepidle) |
	       give(ctx, SOL_TCP, TCP_KEEPINTVL, made->keepintvl, now->keepintvl) |
	       give(ctx, SOL_TCP, TCP_KEEPCNT, made->keepcnt, now->keepcnt) |
	       give(ctx, SOL_SOCKET, SO_KEEPALIVE, made->keepalive, now->keepalive);
}

/* MPTCP gives its subflow once more what the program has, after connect() began: no keepalive. */
INLINE int was_switched_off(struct bpf_sock_ops *ctx)
{
	return ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && !ask(ctx, SOL_SOCKET, SO_KEEPALIVE);
}

SEC("sockops")
int protect(struct bpf_sock_ops *ctx)
{
	u32 op = ctx->op;
	if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && !was_switched_off(ctx))
		return 1;
	u32 only = 0;
	struct memory *kept = bpf_map_lookup_elem(&memory, &only);
	if (!kept)
		return 1;
	const struct rule *rule = &kept->rule;
	if (rule->adopted_alone) {
		void *sk = ctx->sk;
		if (!sk || !adopted_as(sk))
			return 1;
	}
	struct wish wish = {}, made;
	read_wish(ctx, rule, &wish);
	agree(rule, &wish, &made);
	int became = set_on_new(ctx, &made, &wish) | bound_connecting(ctx, rule);
	if (became & REFUSED)
		count(&kept->counts.refused);
	else if (became & SET)
		count(&kept->counts.protected);
	else
		count(&kept->counts.spared);
	return 1;
}

char licence[] SEC("license") = "Dual MIT/GPL";
