//! `cargo +nightly fuzz run heartbeat`
#![no_main]

#[path = "../checks/heartbeat.rs"]
mod heartbeat;

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartbeat::check(input));
