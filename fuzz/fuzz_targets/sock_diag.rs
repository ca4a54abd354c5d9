//! `cargo +nightly fuzz run sock_diag`
#![no_main]

#[path = "../checks/sock_diag.rs"]
mod sock_diag;

libfuzzer_sys::fuzz_target!(|input: &[u8]| sock_diag::check(input));
