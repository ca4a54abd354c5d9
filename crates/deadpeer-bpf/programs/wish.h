/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/*
 * What holds on a socket whose program has wishes of its own, under a rule.
 *
 * The program's keepalive stays as a whole if it is in time and survives the lost probes, else the plan's holds as a whole, or,
 * where the program wants to know sooner than the plan would, one that is as soon and survives. Its user timeout stays up to
 * the longest that is in time, and keepalive is fitted under it: a user timeout that one lost probe reaches kills live peers.
 *
 * All times are milliseconds. A timer of the kernel is late by an eighth at most, and a jiffy: see core/src/wheel.rs.
 */
#pragma once

#include "options.h"

/*
 * What a program asks for, and what is to hold: the numbers of setsockopt(2), each in a place of its own. Without CAP_PERFMON the
 * verifier of Linux 6.1 lets no half of a place on the stack be written where a number was put aside before.
 */
struct wish {
	u64 keepalive;
	u64 keepidle;
	u64 keepintvl;
	u64 keepcnt;
	u64 user_timeout;
	u64 rto_max;
};

#define SECOND 1000ull
#define LONGEST 32767 /* TCP_KEEPIDLE, TCP_KEEPINTVL */

/* Whether the program has anything to do with SO_KEEPALIVE. */
enum {
	NOT_ASKED = 0,
	SWITCHED_ON = 1,
	SWITCHED_OFF = 2,
};

/* Of two numbers below 2^63. Without a branch: each would be another path for the verifier to walk to the end. */
INLINE u64 least(u64 a, u64 b)
{
	u64 below = a - b, sign = below;
	asm volatile("%0 s>>= 63" : "+r"(sign));
	return b + (below & sign);
}

INLINE u64 most(u64 a, u64 b)
{
	return a + b - least(a, b);
}

/* What is left before a moment. */
INLINE u64 before(u64 moment, u64 ms)
{
	return moment - least(moment, ms);
}

/* When a timer armed for this time has fired at the latest. */
INLINE u64 late(u64 ms)
{
	return ms + ms / 7 + 20;
}

/* The longest time to arm a timer for that has to have fired by then. */
INLINE u64 in_time(u64 ms)
{
	return (before(ms, 20) * 7 + 7) / 8;
}

/* From the last answer to the last of so many probes and one, each unanswered. */
INLINE u64 probing(u64 idle, u64 interval, u64 probes)
{
	return late(most(idle, interval) * SECOND) + probes * late(interval * SECOND);
}

/* Whether keepalive is in time and survives, with this user timeout. */
INLINE int fits(const struct wish *keepalive, u64 user_timeout, const struct way *way, u32 survive)
{
	u64 idle = keepalive->keepidle, interval = keepalive->keepintvl;
	if (!user_timeout)
		return keepalive->keepcnt > survive && probing(idle, interval, keepalive->keepcnt) <= way->idle_within;
	return probing(idle, interval, survive) <= user_timeout && user_timeout + late(interval * SECOND) <= way->idle_within;
}

/* Whether keepalive is nowhere later than the way's own, and survives as it does. */
INLINE int is_within(const struct wish *keepalive, const struct way *way, u32 survive)
{
	return keepalive->keepidle <= way->set.keepidle && keepalive->keepintvl <= way->set.keepintvl &&
	       (way->set.user_timeout || (keepalive->keepcnt > survive && keepalive->keepcnt <= way->set.keepcnt));
}

/* When an idle peer is given up by these settings, at the earliest. */
INLINE u64 given_up(const struct wish *by)
{
	u64 idle = by->keepidle * SECOND, interval = by->keepintvl * SECOND;
	return by->user_timeout ? most(idle + interval, by->user_timeout) : idle + interval * by->keepcnt;
}

/* When by the way's own, at the latest. */
INLINE u64 given_up_by(const struct way *way)
{
	const struct options *set = &way->set;
	u64 latest = set->user_timeout ? set->user_timeout + late(set->keepintvl * SECOND) :
					 probing(set->keepidle, set->keepintvl, set->keepcnt);
	return least(latest, way->idle_within);
}

INLINE void take_keepalive(struct wish *to, const struct wish *from)
{
	to->keepidle = from->keepidle;
	to->keepintvl = from->keepintvl;
	to->keepcnt = from->keepcnt;
}

/*
 * The slowest probes that give up within this time and survive: half of it for silence, half for the burst. Too little time for
 * a second of each is made so much.
 */
INLINE void fit_keepalive(struct wish *made, u64 within, u64 interval, u32 survive)
{
	u64 probes = survive + 1ull;
	if (made->user_timeout)
		within = least(within, made->user_timeout);
	interval = most(least(interval, in_time(within / 2 / probes) / SECOND), 1);
	if (made->user_timeout) {
		u64 verdict = late(interval * SECOND);
		within = most(before(within, verdict), late(SECOND) * probes);
		made->user_timeout = within;
		probes = survive;
	}
	u64 burst = late(interval * SECOND) * probes;
	u64 idle = in_time(before(within, burst)) / SECOND;
	made->keepidle = least(most(idle, 1), LONGEST);
	made->keepintvl = least(interval, made->keepidle);
	made->keepcnt = survive + 1;
}

/* The program has chosen, come what may; but what is added to its choice kills nobody. */
INLINE void keep(const struct wish *wish, u32 survive, struct wish *made)
{
	if (wish->user_timeout)
		made->user_timeout = wish->user_timeout;
	if (wish->keepalive == NOT_ASKED)
		return;
	made->keepalive = wish->keepalive == SWITCHED_ON;
	take_keepalive(made, wish);
	if (!wish->user_timeout && made->user_timeout && made->keepalive)
		made->user_timeout = most(made->user_timeout, probing(wish->keepidle, wish->keepintvl, survive));
}

/* What is to hold. What the rule says nothing of is UNSET. */
INLINE void agree(const struct rule *rule, const struct wish *wish, struct wish *made)
{
	const struct way *calm = &rule->calm, *dropping = &rule->dropping;
	/* Two addresses: without CAP_PERFMON the verifier refuses an offset that was chosen before it is added. */
	asm volatile("" : "+r"(calm), "+r"(dropping));
	const struct way *way = wish->user_timeout ? dropping : calm;
	u32 survive = rule->survive;
	made->keepalive = way->set.keepalive;
	made->keepidle = way->set.keepidle;
	made->keepintvl = way->set.keepintvl;
	made->keepcnt = way->set.keepcnt;
	made->user_timeout = way->set.user_timeout;
	made->rto_max = way->set.rto_max;
	if (made->rto_max != UNSET)
		made->rto_max = least(made->rto_max, wish->rto_max);
	if (made->keepalive == UNSET)
		return;
	int is_on = wish->keepalive == SWITCHED_ON;
	if (rule->keep_app_settings && (wish->keepalive != NOT_ASKED || wish->user_timeout > made->user_timeout)) {
		keep(wish, survive, made);
		return;
	}
	if (made->user_timeout) {
		u64 longest = wish->user_timeout ? wish->user_timeout : made->user_timeout;
		if (is_on && !wish->user_timeout)
			/* By its own count, which plays no part under a user timeout. */
			longest = before(given_up(wish), late(wish->keepintvl * SECOND));
		made->user_timeout = least(made->user_timeout, most(longest, late(SECOND) * (survive + 1ull)));
	}
	int is_whole = made->user_timeout == way->set.user_timeout;
	if (is_on && (fits(wish, made->user_timeout, way, survive) || (is_whole && is_within(wish, way, survive))))
		take_keepalive(made, wish);
	else if (is_on && given_up(wish) < given_up_by(way))
		fit_keepalive(made, given_up(wish), wish->keepintvl, survive);
	else if (!is_whole)
		fit_keepalive(made, given_up_by(way), made->keepintvl, survive);
}

/* Sockets that were made in another cgroup than their program's, and are the rule's: struct adopted. */
struct map adopted SEC(".maps");

INLINE struct adopted *adopted_as(void *sk)
{
	return bpf_sk_storage_get(&adopted, sk, 0, 0);
}

INLINE void ask_keepalive(void *socket, struct wish *wish)
{
	wish->keepidle = ask(socket, SOL_TCP, TCP_KEEPIDLE);
	wish->keepintvl = ask(socket, SOL_TCP, TCP_KEEPINTVL);
	wish->keepcnt = ask(socket, SOL_TCP, TCP_KEEPCNT);
}

/* Whether an option is to be set. UNSET is to be left. */
INLINE int differs(u64 made, u64 now)
{
	return made != UNSET && made != now;
}

/* Each counter's address by itself, for the same reason. */
INLINE void count(u64 *counter)
{
	asm volatile("" : "+r"(counter));
	__sync_fetch_and_add(counter, 1);
}

_Static_assert(sizeof(struct wish) == 48, "records.rs");
