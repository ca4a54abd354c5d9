/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Lets a program of a cgroup set what it likes on its connections, as far as the cgroup's rule goes. */
#include "wish.h"

struct bpf_sock {
	u32 bound_dev_if;
	u32 family;
	u32 type;
	u32 protocol;
	u32 mark;
	u32 priority;
	u32 src_ip4;
	u32 src_ip6[4];
	u32 src_port;
	u16 dst_port;
	u16 unused;
	u32 dst_ip4;
	u32 dst_ip6[4];
	u32 state;
	s32 rx_queue_mapping;
};

struct bpf_sockopt {
	struct bpf_sock *sk;
	u64 optval; /* pointers to the verifier */
	u64 optval_end;
	s32 level;
	s32 optname;
	s32 optlen;
	s32 retval;
};

#define SOCK_STREAM 1
#define BPF_SK_STORAGE_GET_F_CREATE 1
/* The kernel sees no more of a value (include/linux/filter.h: a page). */
#define LARGEST_VALUE 4096
/* The call is answered: the kernel sets nothing. */
#define ANSWERED -1

/* Follows a value that is set from outside, through a borrowed descriptor: set_from_outside() of deadpeer-sys/src/sockopt.rs. */
#define FROM_OUTSIDE 0x64656164

/* What became of a call. */
enum {
	LEFT = 0,
	SET,
	OVERRULED,
	REFUSED,
};

/* One struct memory. */
struct map memory SEC(".maps");
/* What the program of a socket asked for: struct wish. */
struct map wishes SEC(".maps");

INLINE int is_from(u32 least, u32 value, u32 most)
{
	return value >= least && value <= most;
}

/* Takes what is asked for into the wish, as far as the kernel would take it. 0: it is none of ours, or the kernel says no. */
INLINE int take(struct wish *wish, int level, int option, u32 value)
{
	if (level == SOL_SOCKET && option == SO_KEEPALIVE) {
		wish->keepalive = value ? SWITCHED_ON : SWITCHED_OFF;
		return 1;
	}
	if (level != SOL_TCP)
		return 0;
	if (option == TCP_KEEPIDLE && is_from(1, value, LONGEST)) {
		wish->keepidle = value;
		return 1;
	}
	if (option == TCP_KEEPINTVL && is_from(1, value, LONGEST)) {
		wish->keepintvl = value;
		return 1;
	}
	if (option == TCP_KEEPCNT && is_from(1, value, 127)) {
		wish->keepcnt = value;
		return 1;
	}
	if (option == TCP_USER_TIMEOUT && is_from(0, value, 0x7fffffff)) {
		wish->user_timeout = value;
		return 1;
	}
	if (option == TCP_RTO_MAX_MS && is_from(1000, value, 120000) && wish->rto_max != UNSET) {
		wish->rto_max = value;
		return 1;
	}
	return 0;
}

INLINE int has_ways_keepalive(const struct wish *now, const struct way *way)
{
	return now->keepidle == way->set.keepidle && now->keepintvl == way->set.keepintvl && now->keepcnt == way->set.keepcnt;
}

/* Whether the option holds as it was asked for. */
INLINE int is_as_wished(const struct wish *made, int level, int option, u32 value)
{
	if (level == SOL_SOCKET)
		return made->keepalive == !!value;
	if (option == TCP_KEEPIDLE)
		return made->keepidle == value;
	if (option == TCP_KEEPINTVL)
		return made->keepintvl == value;
	if (option == TCP_KEEPCNT)
		return made->keepcnt == value;
	if (option == TCP_USER_TIMEOUT)
		return made->user_timeout == value;
	return made->rto_max == value;
}

INLINE int give(struct bpf_sock *sk, int level, int option, u64 made, u64 now)
{
	u64 value = made;
	return differs(made, now) && bpf_setsockopt(sk, level, option, &value, sizeof(u32));
}

/* 0, or an option was refused. TCP_KEEPIDLE is last and arms the timer by all the others, if one of them changes. */
INLINE int set_all_that_differs(struct bpf_sock *sk, const struct wish *made, const struct wish *now, int arms)
{
	u64 changes = (made->keepidle ^ now->keepidle) | (made->keepintvl ^ now->keepintvl) | (made->keepcnt ^ now->keepcnt) |
		      (made->user_timeout ^ now->user_timeout);
	return give(sk, SOL_SOCKET, SO_KEEPALIVE, made->keepalive, now->keepalive) ||
	       give(sk, SOL_TCP, TCP_KEEPCNT, made->keepcnt, now->keepcnt) ||
	       give(sk, SOL_TCP, TCP_KEEPINTVL, made->keepintvl, now->keepintvl) ||
	       give(sk, SOL_TCP, TCP_USER_TIMEOUT, made->user_timeout, now->user_timeout) ||
	       give(sk, SOL_TCP, TCP_RTO_MAX_MS, made->rto_max, now->rto_max) ||
	       ((changes || arms) && give(sk, SOL_TCP, TCP_KEEPIDLE, made->keepidle, UNSET));
}

INLINE void read_socket(struct bpf_sock *sk, struct wish *now)
{
	now->user_timeout = ask(sk, SOL_TCP, TCP_USER_TIMEOUT);
	now->rto_max = ask(sk, SOL_TCP, TCP_RTO_MAX_MS);
	now->keepalive = ask(sk, SOL_SOCKET, SO_KEEPALIVE) == 1 ? SWITCHED_ON : NOT_ASKED;
	ask_keepalive(sk, now);
}

/* What is on the socket and the rule's own is nobody's wish. */
INLINE void first_wish(const struct rule *rule, struct wish *wish, const struct wish *now)
{
	*wish = *now;
	if (has_ways_keepalive(now, &rule->calm) || has_ways_keepalive(now, &rule->dropping)) {
		wish->keepalive = NOT_ASKED;
		wish->keepidle = rule->defaults.keepidle;
		wish->keepintvl = rule->defaults.keepintvl;
		wish->keepcnt = rule->defaults.keepcnt;
	}
	if (now->user_timeout == rule->calm.set.user_timeout)
		wish->user_timeout = 0;
}

/* Sets what the wish and the rule come to. The wish is remembered, whatever holds. */
INLINE int answer(struct bpf_sockopt *ctx, struct memory *kept, u32 value)
{
	const struct rule *rule = &kept->rule;
	struct bpf_sock *sk = ctx->sk;
	struct wish now = {}, first, made;
	read_socket(sk, &now);
	first_wish(rule, &first, &now);
	struct wish *wish = bpf_sk_storage_get(&wishes, sk, &first, BPF_SK_STORAGE_GET_F_CREATE);
	if (!wish)
		return REFUSED;
	/* Another rule has answered: what holds since is what is wished for here. */
	if (ctx->optlen == ANSWERED)
		*wish = now;
	else if (!take(wish, ctx->level, ctx->optname, value))
		return LEFT;
	agree(rule, wish, &made);
	int arms = ctx->level == SOL_TCP && ctx->optname == TCP_KEEPIDLE;
	if (set_all_that_differs(sk, &made, &now, arms))
		return REFUSED;
	ctx->optlen = ANSWERED;
	return is_as_wished(&made, ctx->level, ctx->optname, value) ? SET : OVERRULED;
}

/*
 * MPTCP hands an option on to its subflows, each by itself: a value is bounded so that it goes with any other. The program's
 * calls are answered by the kernel.
 */
INLINE int bound(struct bpf_sockopt *ctx, const struct rule *rule, u32 *value)
{
	const struct options *set = &rule->calm.set;
	u32 wished = *value, bounded = wished;
	if (ctx->level == SOL_SOCKET)
		bounded = 1;
	else if (ctx->optname == TCP_KEEPIDLE)
		bounded = least(wished, set->keepidle);
	else if (ctx->optname == TCP_KEEPINTVL)
		bounded = least(wished, set->keepintvl);
	else if (ctx->optname == TCP_KEEPCNT)
		bounded = least(most(wished, rule->survive + 1), set->keepcnt);
	else if (ctx->optname == TCP_RTO_MAX_MS && set->rto_max != UNSET)
		bounded = least(wished, set->rto_max);
	else if (ctx->optname == TCP_USER_TIMEOUT && set->user_timeout)
		bounded = set->user_timeout;
	else if (ctx->optname == TCP_USER_TIMEOUT && wished)
		bounded = most(least(wished, rule->dropping.set.user_timeout), probing(set->keepidle, set->keepintvl, rule->survive));
	/* What the kernel refuses it is to refuse. */
	if (!wished && ctx->level == SOL_TCP && ctx->optname != TCP_USER_TIMEOUT)
		return LEFT;
	if (bounded == wished)
		return LEFT;
	*value = bounded;
	return OVERRULED;
}

INLINE int is_ours(int level, int option, const struct options *set)
{
	if (level == SOL_SOCKET)
		return option == SO_KEEPALIVE;
	if (level != SOL_TCP)
		return 0;
	return option == TCP_KEEPIDLE || option == TCP_KEEPINTVL || option == TCP_KEEPCNT || option == TCP_USER_TIMEOUT ||
	       (option == TCP_RTO_MAX_MS && set->rto_max != UNSET);
}

/* connect() without an answer. */
INLINE int bound_connecting(struct bpf_sockopt *ctx, const struct rule *rule, u32 value)
{
	u32 most = rule->calm.set.syncnt;
	if (ctx->sk->state != TCP_SYN_SENT || most == UNSET || !is_from(most + 1, value, 127))
		return LEFT;
	if (set_option(ctx->sk, SOL_TCP, TCP_SYNCNT, &most))
		return REFUSED;
	ctx->optlen = ANSWERED;
	return OVERRULED;
}

/* Whether it is no call of the socket's own program, and so no wish of its. */
INLINE int is_from_outside(const struct bpf_sockopt *ctx)
{
	u32 *value = (void *)(unsigned long)ctx->optval;
	return ctx->optlen == 2 * sizeof(u32) && (void *)(value + 2) <= (void *)(unsigned long)ctx->optval_end &&
	       value[1] == FROM_OUTSIDE;
}

INLINE int hear(struct bpf_sockopt *ctx, struct memory *kept)
{
	const struct rule *rule = &kept->rule;
	if (is_from_outside(ctx))
		return LEFT;
	struct bpf_sock *sk = ctx->sk;
	if (sk && rule->adopted_alone) {
		struct adopted *as = adopted_as(sk);
		if (!as)
			return LEFT;
		as->heard = 1;
	}
	/* Shorter than a number, it is refused by the kernel, which gives us room for more than there is. */
	if (ctx->optlen != ANSWERED && ctx->optlen < (s32)sizeof(u32))
		return LEFT;
	u32 *value = (void *)(unsigned long)ctx->optval;
	if (!sk || sk->type != SOCK_STREAM || (void *)(value + 1) > (void *)(unsigned long)ctx->optval_end)
		return LEFT;
	int is_syncnt = ctx->level == SOL_TCP && ctx->optname == TCP_SYNCNT;
	if (rule->calm.set.keepalive == UNSET || (!is_syncnt && !is_ours(ctx->level, ctx->optname, &rule->calm.set)))
		return LEFT;
	if (sk->protocol == IPPROTO_MPTCP)
		return is_syncnt || rule->keep_app_settings ? LEFT : bound(ctx, rule, value);
	if (sk->protocol != IPPROTO_TCP)
		return LEFT;
	if (is_syncnt)
		return bound_connecting(ctx, rule, *value);
	/* What is set before there is a connection is looked at when it begins. */
	if (sk->state == TCP_CLOSE || sk->state == TCP_LISTEN) {
		bpf_sk_storage_delete(&wishes, sk);
		return LEFT;
	}
	return answer(ctx, kept, *value);
}

SEC("cgroup/setsockopt")
int wishes_of_programs(struct bpf_sockopt *ctx)
{
	u32 only = 0;
	struct memory *kept = bpf_map_lookup_elem(&memory, &only);
	if (!kept)
		return 1;
	int became = hear(ctx, kept);
	if (became == REFUSED)
		count(&kept->counts.refused);
	else if (became == OVERRULED)
		count(&kept->counts.overruled);
	/* A value that the kernel shows in part alone is to be taken as the program gave it. */
	if (ctx->optlen > LARGEST_VALUE)
		ctx->optlen = 0;
	return 1;
}

char licence[] SEC("license") = "Dual MIT/GPL";
