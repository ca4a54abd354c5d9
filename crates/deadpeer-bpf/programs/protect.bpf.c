/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Gives every new connection of a cgroup the options that a deadline takes, and leaves alone what is good enough. */
#include "options.h"

/* include/uapi/linux/bpf.h */
#define BPF_SOCK_OPS_TCP_CONNECT_CB 3
#define BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB 5

struct bpf_sock_ops {
	u32 op;
};

/* One struct memory. */
struct map memory SEC(".maps");

/* What became of a group of options, added up. */
enum {
	LEFT = 0,
	SET = 1,
	REFUSED = 2,
};

INLINE int give(struct bpf_sock_ops *ctx, int level, int option, const u32 *value)
{
	if (*value == UNSET)
		return LEFT;
	return set_option(ctx, level, option, value) ? REFUSED : SET;
}

INLINE u32 ask(struct bpf_sock_ops *ctx, int level, int option)
{
	/* A whole place on the stack; see xtask/src/bpf. */
	u64 value = 0;
	return bpf_getsockopt(ctx, level, option, &value, sizeof(u32)) ? UNSET : *(u32 *)&value;
}

/* Whether data that is not acknowledged ends the connection in time by the socket's own settings. */
INLINE int gives_up_in_time(const struct rule *rule, u32 user_timeout)
{
	return user_timeout && (rule->keep_app_settings || user_timeout <= rule->busy_within);
}

INLINE int bound_data_in_flight(struct bpf_sock_ops *ctx, const struct rule *rule, u32 *user_timeout)
{
	if (gives_up_in_time(rule, *user_timeout))
		return LEFT;
	int became = LEFT;
	if (rule->set.user_timeout != *user_timeout)
		became |= give(ctx, SOL_TCP, TCP_USER_TIMEOUT, &rule->set.user_timeout);
	if (became == SET)
		*user_timeout = rule->set.user_timeout;
	if (rule->set.rto_max != UNSET) {
		u32 rto_max = ask(ctx, SOL_TCP, TCP_RTO_MAX_MS);
		if (rto_max != UNSET && rto_max > rule->set.rto_max)
			became |= give(ctx, SOL_TCP, TCP_RTO_MAX_MS, &rule->set.rto_max);
	}
	return became;
}

INLINE int bound_connecting(struct bpf_sock_ops *ctx, const struct rule *rule)
{
	if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB || rule->set.syncnt == UNSET)
		return LEFT;
	u32 syncnt = ask(ctx, SOL_TCP, TCP_SYNCNT);
	if (syncnt == UNSET || syncnt <= rule->set.syncnt)
		return LEFT;
	return give(ctx, SOL_TCP, TCP_SYNCNT, &rule->set.syncnt);
}

/* Whether the socket's own keepalive finds a dead idle peer in time. */
INLINE int probes_in_time(struct bpf_sock_ops *ctx, const struct rule *rule, u32 user_timeout)
{
	if (ask(ctx, SOL_SOCKET, SO_KEEPALIVE) != 1)
		return 0;
	if (rule->keep_app_settings)
		return 1;
	u64 idle = ask(ctx, SOL_TCP, TCP_KEEPIDLE) * 1000ull;
	u64 interval = ask(ctx, SOL_TCP, TCP_KEEPINTVL) * 1000ull;
	u64 within;
	if (user_timeout)
		within = (idle + interval > user_timeout ? idle + interval : user_timeout) + interval;
	else
		within = (idle > interval ? idle : interval) + interval * ask(ctx, SOL_TCP, TCP_KEEPCNT);
	return within <= rule->idle_within;
}

/* On a connection that is new, SO_KEEPALIVE may be last: the timer is armed once instead of twice. */
INLINE int probe_while_idle(struct bpf_sock_ops *ctx, const struct rule *rule, u32 user_timeout)
{
	if (rule->set.keepalive == UNSET || probes_in_time(ctx, rule, user_timeout))
		return LEFT;
	return give(ctx, SOL_TCP, TCP_KEEPIDLE, &rule->set.keepidle) |
	       give(ctx, SOL_TCP, TCP_KEEPINTVL, &rule->set.keepintvl) |
	       give(ctx, SOL_TCP, TCP_KEEPCNT, &rule->set.keepcnt) |
	       give(ctx, SOL_SOCKET, SO_KEEPALIVE, &rule->set.keepalive);
}

/* Each counter's address by itself: without CAP_PERFMON the verifier refuses an offset that was chosen before it is added. */
INLINE void count(u64 *counter)
{
	asm volatile("" : "+r"(counter));
	__sync_fetch_and_add(counter, 1);
}

SEC("sockops")
int protect(struct bpf_sock_ops *ctx)
{
	u32 op = ctx->op;
	if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 1;
	u32 only = 0;
	struct memory *kept = bpf_map_lookup_elem(&memory, &only);
	if (!kept)
		return 1;
	const struct rule *rule = &kept->rule;
	u32 user_timeout = ask(ctx, SOL_TCP, TCP_USER_TIMEOUT);
	int became = bound_data_in_flight(ctx, rule, &user_timeout);
	became |= bound_connecting(ctx, rule);
	became |= probe_while_idle(ctx, rule, user_timeout);
	if (became & REFUSED)
		count(&kept->counts.refused);
	else if (became & SET)
		count(&kept->counts.protected);
	else
		count(&kept->counts.spared);
	return 1;
}

char licence[] SEC("license") = "Dual MIT/GPL";
