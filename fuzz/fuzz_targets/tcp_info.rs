//! `cargo +nightly fuzz run tcp_info`
#![no_main]

#[path = "../checks/tcp_info.rs"]
mod tcp_info;

libfuzzer_sys::fuzz_target!(|input: &[u8]| tcp_info::check(input));
