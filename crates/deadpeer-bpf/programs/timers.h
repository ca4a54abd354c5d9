/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* The timer that runs on a socket. */
#pragma once

#include "bpf.h"
#include "records.h"

/* include/net/inet_connection_sock.h, icsk_pending. */
enum {
	ICSK_TIME_RETRANS = 1,
	ICSK_TIME_PROBE0 = 3,
	ICSK_TIME_LOSS_PROBE = 5,
	ICSK_TIME_REO_TIMEOUT = 6,
};

/* include/linux/timer.h, TIMER_ARRAYSHIFT; kernel/time/timer.c, LVL_BITS. */
#define ARRAY_SHIFT 22
#define LEVEL_BITS 6

INLINE s32 until(const struct row *row, unsigned long expires)
{
	return (s32)(expires - (unsigned long)row->jiffies);
}

/* The rest of a timer's wait, and the level of the wheel that rounds it. */
INLINE void read_wait(struct row *row, struct timer_list *timer)
{
	row->expires = until(row, timer->expires);
	row->level = timer->flags >> (ARRAY_SHIFT + LEVEL_BITS);
}

/* The timer that icsk_pending names. */
INLINE void read_pending(struct row *row, struct inet_connection_sock *icsk)
{
	if (field_exists(icsk->icsk_retransmit_timer))
		read_wait(row, &icsk->icsk_retransmit_timer);
	else if (field_exists(icsk->icsk_inet.sk.tcp_retransmit_timer))
		read_wait(row, &icsk->icsk_inet.sk.tcp_retransmit_timer);
}

INLINE void read_keepalive(struct row *row, struct inet_connection_sock *icsk)
{
	struct sock *sk = &icsk->icsk_inet.sk;
	/* The older name stays in use for something else. */
	if (field_exists(icsk->icsk_keepalive_timer)) {
		if (icsk->icsk_keepalive_timer.entry.pprev) {
			row->timer = TIMER_KEEPALIVE;
			read_wait(row, &icsk->icsk_keepalive_timer);
		}
	} else if (field_exists(sk->sk_timer)) {
		if (sk->sk_timer.entry.pprev) {
			row->timer = TIMER_KEEPALIVE;
			read_wait(row, &sk->sk_timer);
		}
	}
	row->unanswered = icsk->icsk_probes_out;
}

/* One is shown, keepalive last, as net/ipv4/inet_diag.c does it. */
INLINE void read_timer(struct row *row, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	u8 pending = icsk->icsk_pending;
	if (pending == ICSK_TIME_RETRANS)
		row->loss_probe = LOSS_PROBE_OVER;
	/* Where one before is out, none is sent (tcp_send_loss_probe). */
	if (pending == ICSK_TIME_LOSS_PROBE && !tp->tlp_high_seq)
		row->loss_probe = LOSS_PROBE_NEXT;
	switch (pending) {
	case ICSK_TIME_RETRANS:
	case ICSK_TIME_LOSS_PROBE:
	case ICSK_TIME_REO_TIMEOUT:
		row->timer = TIMER_RETRANSMIT;
		row->unanswered = icsk->icsk_retransmits;
		read_pending(row, icsk);
		break;
	case ICSK_TIME_PROBE0:
		row->timer = TIMER_PROBE0;
		row->unanswered = icsk->icsk_probes_out;
		read_pending(row, icsk);
		break;
	default:
		read_keepalive(row, icsk);
	}
}
