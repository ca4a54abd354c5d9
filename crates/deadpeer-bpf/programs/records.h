/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/* What the programs tell and are told. src/records.rs has the same, field by field. */
#pragma once

#include "kernel.h"

#define NEVER 0xffffffff

/*
 * The options of a socket as the kernel keeps them. Where they are to be set, they are in the units of setsockopt(2),
 * and UNSET leaves one alone.
 */
struct options {
	u32 keepalive;
	u32 keepidle; /* jiffies (to set: s); 0: follows the sysctl */
	u32 keepintvl; /* jiffies (to set: s); 0: follows the sysctl */
	u32 keepcnt; /* 0: follows the sysctl */
	u32 user_timeout; /* ms; 0: none */
	u32 rto_max; /* jiffies (to set: ms); 0: the kernel has none */
	u32 syncnt; /* 0: follows the sysctl */
};

#define UNSET 0xffffffff

struct ends {
	u8 local[16];
	u8 peer[16];
	u16 local_port;
	u16 peer_port;
	u16 family;
	u16 unused;
};

/* A socket as it is: what a look and a death have in common. Times are jiffies. */
struct state {
	u64 cookie;
	u64 inode; /* 0: no file */
	u64 cgroup;
	struct ends ends;
	struct options options;
	u32 namespace;
	u32 uid;
	s32 error;
	s32 soft_error;
	u32 unsent;
	u32 unacknowledged;
	u32 since_received; /* data; NEVER */
	u32 since_acknowledged; /* NEVER */
	u8 state;
	u8 probes_out;
	u8 retransmits;
	u8 has_options; /* 0: TIME_WAIT, NEW_SYN_RECV */
	u8 dead; /* SOCK_DEAD: closed by its owner */
	u8 multipath;
	u8 unused[2];
};

/* iter/tcp */
struct row {
	struct state state;
	u32 received; /* and not read; of a listener, connections waiting */
	u32 queued; /* written and not acknowledged; of a listener, how many may wait */
	u32 rto; /* jiffies */
	u32 srtt; /* us; 0: not measured */
	u32 unused;
	u32 peer_window;
	s32 expires; /* of the timer, jiffies from now */
	u32 packets_out; /* segments in flight */
	u32 ssthresh;
	u32 since_sent; /* data, jiffies; NEVER */
	u32 retransmitting; /* ms; NEVER */
	u32 probing; /* a closed window, jiffies; NEVER */
	u8 backoff;
	u8 timer; /* enum timer */
	u8 unanswered; /* sent by it */
	u8 level; /* of the wheel that it waits in */
	u8 sack; /* negotiated */
	u8 thin; /* TCP_THIN_LINEAR_TIMEOUTS */
	u8 loss_probe; /* enum loss_probe */
	u8 requested; /* of a listener: whether there are connection requests */
	u64 jiffies; /* the kernel's counter */
	u64 pacing_rate; /* bytes a second; 0: unknown */
	u32 mss;
	u32 until_next; /* how far ahead the next segment would be stamped, ms */
};

/* The timer that runs, as inet_diag tells it (net/ipv4/inet_diag.c, inet_sk_diag_fill). */
enum timer {
	TIMER_NONE,
	TIMER_RETRANSMIT,
	TIMER_KEEPALIVE,
	TIMER_TIME_WAIT,
	TIMER_PROBE0,
};

/* What the timer of data in flight does. */
enum loss_probe {
	LOSS_PROBE_UNKNOWN,
	LOSS_PROBE_NEXT, /* sends a tail-loss probe */
	LOSS_PROBE_OVER, /* is the timeout's: none goes before it */
};

/* iter/task_file */
struct owner {
	u32 inode;
	u32 pid;
	u32 fd;
};

/* What became of a change. */
struct outcome {
	u64 cookie;
	struct options before;
	struct options after;
	u32 option; /* the option that was refused, CHANGED, or 0 */
	s32 error;
};

#define CHANGED 0xffffffff

/* What to set, and on what kind of socket. */
struct change {
	struct options set;
	struct options only_if; /* keepalive UNSET: whatever it has */
	u32 adopt; /* by a rule */
};

/* A socket to set something on. */
struct chosen {
	u32 change; /* its number */
	u32 done;
};

/* Options that keep a deadline, and how late keepalive may be next to their bound on data in flight. */
struct way {
	struct options set;
	u32 idle_within; /* ms */
};

/* What keepalive follows where nobody set it: the sysctls. */
struct defaults {
	u32 keepidle;
	u32 keepintvl;
	u32 keepcnt;
	u32 unused;
};

/* What new connections get. */
struct rule {
	struct way calm; /* where the program has set no user timeout */
	struct way dropping; /* where it has: with one that is as long as can be */
	struct defaults defaults;
	u32 survive; /* lost probes */
	u32 keep_app_settings;
	u32 adopted_alone; /* of the cgroup's sockets, only those that were adopted */
	u32 unused;
};

/* Kept with an adopted socket, and with what it accepts. */
struct adopted {
	u32 heard; /* its program set an option, and the rule was asked */
};

struct counts {
	u64 protected;
	u64 spared;
	u64 refused;
	u64 overruled;
};

/* What a protection keeps. */
struct memory {
	struct rule rule;
	struct counts counts;
};

/* Kept with a connection while it is watched. Times are CLOCK_MONOTONIC, nanoseconds; 0: not yet. */
struct life {
	u64 established;
	u64 closed;
	u32 pid;
	u32 caller;
	u8 comm[16];
	u32 data_segments; /* that had come when it was closed for reading too, and one; 0: it was not */
	u32 unused;
};

/* A place for the life of one socket. */
struct slot {
	u64 cookie; /* 0: free */
	struct life life;
};

#define SLOTS 65536

struct death {
	u64 at;
	struct state state;
	struct life life;
	u64 bytes_received;
	u64 bytes_acknowledged;
	u32 unread;
	u32 peer_window;
	u32 rto; /* jiffies */
	u32 since_sent; /* jiffies; NEVER */
	u8 peer_finished;
	u8 data_after_close;
	u8 unused[6];
};

_Static_assert(sizeof(struct options) == 28, "records.rs");
_Static_assert(sizeof(struct state) == 136, "records.rs");
_Static_assert(sizeof(struct row) == 216, "records.rs");
_Static_assert(sizeof(struct owner) == 12, "records.rs");
_Static_assert(sizeof(struct outcome) == 72, "records.rs");
_Static_assert(sizeof(struct change) == 60, "records.rs");
_Static_assert(sizeof(struct chosen) == 8, "records.rs");
_Static_assert(sizeof(struct memory) == 128, "records.rs");
_Static_assert(sizeof(struct life) == 48, "records.rs");
_Static_assert(sizeof(struct slot) == 56, "records.rs");
_Static_assert(sizeof(struct death) == 232, "records.rs");
