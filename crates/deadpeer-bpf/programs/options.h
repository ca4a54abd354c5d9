/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* Setting and asking options, from within the kernel as with setsockopt(2). */
#pragma once

#include "bpf.h"
#include "records.h"

#define SOL_SOCKET 1
#define SO_KEEPALIVE 9
#define SOL_TCP 6
#define TCP_KEEPIDLE 4
#define TCP_KEEPINTVL 5
#define TCP_KEEPCNT 6
#define TCP_SYNCNT 7
#define TCP_USER_TIMEOUT 18
#define TCP_RTO_MAX_MS 44

/* 0, or the negative errno. UNSET sets nothing. */
INLINE long set_option(void *socket, int level, int option, const u32 *value)
{
	return *value == UNSET ? 0 : bpf_setsockopt(socket, level, option, (void *)value, sizeof(*value));
}

/* UNSET if the kernel does not tell. */
INLINE u32 ask(void *socket, int level, int option)
{
	/* A whole place on the stack; see xtask/src/bpf. */
	u64 value = 0;
	return bpf_getsockopt(socket, level, option, &value, sizeof(u32)) ? UNSET : *(u32 *)&value;
}

/*
 * Sets what is not UNSET on a connection of any age. Returns 0, or the option that was refused, SO_KEEPALIVE with its level
 * in the upper half. SO_KEEPALIVE is first and TCP_KEEPIDLE last, which arms the timer by all the others.
 */
INLINE u32 set_all(void *socket, const struct options *set, s32 *error)
{
	if ((*error = set_option(socket, SOL_SOCKET, SO_KEEPALIVE, &set->keepalive)))
		return SO_KEEPALIVE << 16;
	if ((*error = set_option(socket, SOL_TCP, TCP_KEEPCNT, &set->keepcnt)))
		return TCP_KEEPCNT;
	if ((*error = set_option(socket, SOL_TCP, TCP_KEEPINTVL, &set->keepintvl)))
		return TCP_KEEPINTVL;
	if ((*error = set_option(socket, SOL_TCP, TCP_USER_TIMEOUT, &set->user_timeout)))
		return TCP_USER_TIMEOUT;
	if ((*error = set_option(socket, SOL_TCP, TCP_RTO_MAX_MS, &set->rto_max)))
		return TCP_RTO_MAX_MS;
	if ((*error = set_option(socket, SOL_TCP, TCP_SYNCNT, &set->syncnt)))
		return TCP_SYNCNT;
	*error = set_option(socket, SOL_TCP, TCP_KEEPIDLE, &set->keepidle);
	return *error ? TCP_KEEPIDLE : 0;
}
