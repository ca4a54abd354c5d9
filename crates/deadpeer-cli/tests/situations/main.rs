//! What people report, acted out with the programs they report it of, and what deadpeer answers.
//!
//! Each situation is a file here. Its programs run on hosts of the lab; what deadpeer foretells is
//! held against what the kernel then does. Those that take seconds run wherever the tests do, the
//! others by `cargo xtask check-situations`, which also writes `docs/situations.md`.

#[path = "../common/mod.rs"]
mod common;

mod act;
mod moment;
mod page;
mod situation;
mod stage;

/// Makes a test of each.
macro_rules! situations {
    (at once: $($quick:ident)*; in their time: $($slow:ident)*;) => {
        /// Their names, in the order of the page.
        const ALL: &[&str] = &[$(stringify!($quick),)* $(stringify!($slow),)*];

        $(#[test]
        fn $quick() {
            deadpeer_lab::testing::inside(|| act::act(stringify!($quick)));
        })*

        $(#[test]
        #[ignore = "takes its time: cargo xtask check-situations"]
        fn $slow() {
            deadpeer_lab::testing::inside(|| act::act(stringify!($slow)));
        })*
    };
}

situations! {
    at once:
    redis_from_look_to_confirmation
    redis_behind_nat
    full_accept_queue
    one_lost_probe
    rebooted_client
    undone;
    in their time:
    close_wait_of_python
    close_wait_of_java
    frozen_subscriber
    pgbouncer_after_failover
    java_pool_after_failover
    go_client_after_failover
    haproxy_tunnel
    load_balancer_forgets
    nat_resets
    mosquitto_half_open
    ssh_session_hangs
    node_agent
    sleeping_mariadb_clients
    lock_of_a_vanished_client
    standby_lost_power
    syslog_collector_gone
    connect_to_nowhere
    lowered_sysctl
    rabbitmq_consumer_gone
    fin_wait2_of_a_vanished_client
    own_link_down
    guard_ends_it
    containers
    redis_sets_its_own
    slow_reader_is_dropped
    capture_of_a_hang
    tested_in_ci;
}
