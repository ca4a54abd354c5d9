/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0 */
/*
 * The few kernel types that the programs look into, with the few fields they read.
 *
 * Where a field stands in the running kernel is filled in when a program is loaded (CO-RE: preserve_access_index), so
 * order and omissions do not matter, names and types do.
 * What not every kernel has is asked for with field_exists().
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

/* include/net/sock.h, enum sock_flags: bits of skc_flags. */
enum {
	SOCK_DEAD = 1 << 0,
	SOCK_DONE = 1 << 1,
	SOCK_KEEPOPEN = 1 << 3,
};

/* include/net/sock.h: bits of sk_shutdown. */
enum {
	RCV_SHUTDOWN = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	u32 inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	u8 skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

struct inode {
	unsigned long i_ino;
};

struct sock;

struct proto_ops {
	int family;
};

struct socket {
	short type;
	struct sock *sk;
	const struct proto_ops *ops;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

typedef struct {
	u32 val;
} kuid_t;

struct hlist_node {
	struct hlist_node **pprev; /* 0: in no list */
};

struct timer_list {
	struct hlist_node entry;
	unsigned long expires;
	u32 flags;
};

struct sock {
	struct sock_common __sk_common;
	struct timer_list sk_timer; /* keepalive's, up to 6.18 */
	struct timer_list tcp_retransmit_timer; /* where icsk_retransmit_timer is gone */
	s32 sk_err;
	s32 sk_err_soft;
	struct socket *sk_socket;
	kuid_t sk_uid;
	u16 sk_protocol;
	u8 sk_shutdown;
	unsigned long sk_pacing_rate; /* 4.20 */
	unsigned long sk_ino; /* 6.18 */
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	struct sock_cgroup_data sk_cgrp_data;
};

struct inet_sock {
	struct sock sk;
	u16 inet_sport;
};

typedef struct {
	int counter;
} atomic_t;

struct request_sock_queue {
	atomic_t qlen;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	struct timer_list icsk_retransmit_timer;
	struct timer_list icsk_keepalive_timer; /* where sk_timer is not its own */
	u32 icsk_rto;
	u32 icsk_rto_max; /* 6.15 */
	u8 icsk_retransmits;
	u8 icsk_pending;
	u8 icsk_backoff;
	u8 icsk_syn_retries;
	u8 icsk_probes_out;
	u32 icsk_probes_tstamp; /* 5.11, and 5.10's later ones */
	u32 icsk_user_timeout;
	struct {
		u32 lrcvtime;
	} icsk_ack;
};

struct tcp_options_received {
	u16 sack_ok : 3;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	u32 snd_wnd;
	u32 snd_ssthresh;
	u32 packets_out;
	u32 copied_seq;
	u32 write_seq;
	u32 lsndtime;
	u32 rcv_nxt;
	u32 snd_nxt;
	u32 snd_una;
	u32 rcv_tstamp;
	u32 data_segs_in;
	u64 bytes_received;
	u64 bytes_acked;
	u8 keepalive_probes;
	u8 thin_lto : 1;
	u8 tcp_usec_ts : 1; /* 6.7 */
	u32 retrans_stamp;
	u32 tlp_high_seq;
	u32 srtt_us; /* eight times the round trip */
	u32 mss_cache;
	u64 tcp_wstamp_ns; /* 4.20 */
	u32 keepalive_time;
	u32 keepalive_intvl;
	_Bool is_mptcp; /* only with CONFIG_MPTCP */
};

struct inet_timewait_sock {
	u8 tw_substate;
	struct timer_list tw_timer;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
};

struct request_sock {
	u8 num_retrans;
	struct timer_list rsk_timer;
};

struct inet_request_sock {
	struct request_sock req;
};

struct tcp_request_sock {
	struct inet_request_sock req;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	u32 level;
	struct upid numbers[1];
};

struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
};

struct file {
	struct inode *f_inode;
};

struct seq_file {
	u64 size;
	u64 count;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	u32 uid;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

#pragma clang attribute pop

/* Where the running kernel has it, what it would read there. */
#define field_exists(field) __builtin_preserve_field_info(field, 2)
/* A bit field, which stands in a word of this type in every kernel. */
#define read_bits(word, from, field) \
	(((u64) * (word *)((void *)(from) + __builtin_preserve_field_info((from)->field, 0)) \
	  << __builtin_preserve_field_info((from)->field, 4)) >> \
	 __builtin_preserve_field_info((from)->field, 5))
#define offset_of(type, field) ((unsigned long)&((type *)0)->field)
