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

INLINE s32 until(unsigned long expires)
{
	return (s32)(expires - (unsigned long)bpf_jiffies64());
}

/* When the timer fires that icsk_pending names. */
INLINE unsigned long pending_expires(struct inet_connection_sock *icsk)
{
	if (field_exists(icsk->icsk_timeout))
		return icsk->icsk_timeout;
	if (field_exists(icsk->icsk_retransmit_timer))
		return icsk->icsk_retransmit_timer.expires;
	if (field_exists(icsk->icsk_inet.sk.tcp_retransmit_timer))
		return icsk->icsk_inet.sk.tcp_retransmit_timer.expires;
	return bpf_jiffies64();
}

INLINE void read_keepalive(struct row *row, struct inet_connection_sock *icsk)
{
	struct sock *sk = &icsk->icsk_inet.sk;
	unsigned long expires = 0;
	/* The older name stays in use for something else. */
	if (field_exists(icsk->icsk_keepalive_timer)) {
		if (icsk->icsk_keepalive_timer.entry.pprev)
			row->timer = TIMER_KEEPALIVE;
		expires = icsk->icsk_keepalive_timer.expires;
	} else if (field_exists(sk->sk_timer)) {
		if (sk->sk_timer.entry.pprev)
			row->timer = TIMER_KEEPALIVE;
		expires = sk->sk_timer.expires;
	}
	if (row->timer)
		row->expires = until(expires);
	row->unanswered = icsk->icsk_probes_out;
}

/* One is shown, keepalive last, as net/ipv4/inet_diag.c does it. */
INLINE void read_timer(struct row *row, struct inet_connection_sock *icsk)
{
	switch (icsk->icsk_pending) {
	case ICSK_TIME_RETRANS:
	case ICSK_TIME_LOSS_PROBE:
	case ICSK_TIME_REO_TIMEOUT:
		row->timer = TIMER_RETRANSMIT;
		row->unanswered = icsk->icsk_retransmits;
		row->expires = until(pending_expires(icsk));
		break;
	case ICSK_TIME_PROBE0:
		row->timer = TIMER_PROBE0;
		row->unanswered = icsk->icsk_probes_out;
		row->expires = until(pending_expires(icsk));
		break;
	default:
		read_keepalive(row, icsk);
	}
}
