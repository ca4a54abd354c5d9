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

INLINE u32 ask(struct bpf_sock_ops *ctx, int level, int option)
{
	u32 value = 0;
	return bpf_getsockopt(ctx, level, option, &value, sizeof(value)) ? UNSET : value;
}

/* Whether data that is not acknowledged ends the connection in time by the socket's own settings. */
INLINE int gives_up_in_time(const struct rule *rule, u32 user_timeout)
{
	return user_timeout && (rule->keep_app_settings || user_timeout <= rule->busy_within);
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
INLINE u32 set_new(struct bpf_sock_ops *ctx, const struct options *set, s32 *error)
{
	if ((*error = set_option(ctx, SOL_TCP, TCP_KEEPIDLE, set->keepidle)))
		return TCP_KEEPIDLE;
	u32 refused = set_most(ctx, set, error);
	if (refused)
		return refused;
	*error = set_option(ctx, SOL_SOCKET, SO_KEEPALIVE, set->keepalive);
	return *error ? SO_KEEPALIVE << 16 : 0;
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
	struct options set = rule->set;

	u32 user_timeout = ask(ctx, SOL_TCP, TCP_USER_TIMEOUT);
	if (gives_up_in_time(rule, user_timeout)) {
		set.user_timeout = UNSET;
		set.rto_max = UNSET;
	} else {
		if (set.user_timeout == user_timeout)
			set.user_timeout = UNSET;
		else if (set.user_timeout != UNSET)
			user_timeout = set.user_timeout;
		if (set.rto_max != UNSET) {
			u32 rto_max = ask(ctx, SOL_TCP, TCP_RTO_MAX_MS);
			if (rto_max == UNSET || rto_max <= set.rto_max)
				set.rto_max = UNSET;
		}
	}
	if (set.keepalive != UNSET && probes_in_time(ctx, rule, user_timeout)) {
		set.keepalive = UNSET;
		set.keepidle = UNSET;
		set.keepintvl = UNSET;
		set.keepcnt = UNSET;
	}
	if (set.syncnt != UNSET) {
		u32 syncnt = op == BPF_SOCK_OPS_TCP_CONNECT_CB ? ask(ctx, SOL_TCP, TCP_SYNCNT) : UNSET;
		if (syncnt == UNSET || syncnt <= set.syncnt)
			set.syncnt = UNSET;
	}

	s32 error = 0;
	if (set_new(ctx, &set, &error))
		count(&kept->counts.refused);
	else if ((set.user_timeout & set.rto_max & set.keepalive & set.syncnt) == UNSET)
		count(&kept->counts.spared);
	else
		count(&kept->counts.protected);
	return 1;
}

char licence[] SEC("license") = "Dual MIT/GPL";
