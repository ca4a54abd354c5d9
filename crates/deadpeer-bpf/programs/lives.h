/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* What is remembered of a connection from the first state change that is seen to the last. */
#pragma once

#include "bpf.h"
#include "records.h"

/*
 * SLOTS of struct slot. A connection stands in the slot that its cookie leads to: cookies are given out one after the other, so most have
 * theirs alone. A hash, which locks and takes memory and gives it back, costs a third of all that a death costs; the socket's own
 * storage, more than all the rest.
 */
struct map slots SEC(".maps");
/* Cookie -> struct life: the connections whose slot is another's. */
struct map lives SEC(".maps");

INLINE struct slot *slot_of(u64 cookie)
{
	u32 at = cookie & (SLOTS - 1);
	return bpf_map_lookup_elem(&slots, &at);
}

INLINE struct life *life_of(u64 cookie)
{
	struct slot *slot = slot_of(cookie);
	if (slot && slot->cookie == cookie)
		return &slot->life;
	return bpf_map_lookup_elem(&lives, &cookie);
}

INLINE void remember(u64 cookie, const struct life *life)
{
	struct slot *slot = slot_of(cookie);
	if (slot) {
		u64 before = __sync_val_compare_and_swap(&slot->cookie, 0, cookie);
		if (!before || before == cookie) {
			slot->life = *life;
			return;
		}
	}
	bpf_map_update_elem(&lives, &cookie, life, 0);
}

/* What was remembered, for the last time. */
INLINE struct life forget(u64 cookie)
{
	struct life life = {};
	struct slot *slot = slot_of(cookie);
	if (slot && slot->cookie == cookie) {
		life = slot->life;
		/* Whoever takes the slot next must not write before it is read: an exchange is a barrier. */
		__sync_val_compare_and_swap(&slot->cookie, cookie, 0);
		return life;
	}
	struct life *known = bpf_map_lookup_elem(&lives, &cookie);
	if (known) {
		life = *known;
		bpf_map_delete_elem(&lives, &cookie);
	}
	return life;
}
