//! sock_diag: any bytes at all, a recorded kernel, the running one, and the fuzzer's corpus.

#[path = "../../../../fuzz/checks/sock_diag.rs"]
mod checks;
mod corpus;
mod destroy_events;
mod destroyed;
mod live;
mod properties;
#[cfg(target_endian = "little")]
mod recorded;

/// The answer of a Linux 6.18 about the sockets of `fixtures/sock_diag/record.py`.
const RECORDED: &[u8] = include_bytes!("../fixtures/sock_diag/linux-6.18.bin");
