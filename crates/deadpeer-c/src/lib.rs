//! deadpeer for C and whatever can call C.
//!
//! Thin: each function here translates its arguments, calls the library, and translates the answer.
//! `include/deadpeer.h` is generated from this file's neighbours.
//!
//! Pointers and descriptors come from outside, so this crate has `unsafe` code. Each block is one
//! operation whose condition is in the documentation of its function: a pointer is NULL where the
//! header allows it, or valid.

pub mod cause;
pub mod connection;
pub mod error;
pub mod watch;
