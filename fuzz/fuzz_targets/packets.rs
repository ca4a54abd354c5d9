//! `cargo +nightly fuzz run packets`
#![no_main]

#[path = "../checks/packets.rs"]
mod packets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| packets::check(input));
