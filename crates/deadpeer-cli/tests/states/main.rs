//! `deadpeer audit` on what a connection is in the middle of: timers that were armed before, states
//! on the way in and out, waits that nobody answers.

#[path = "../common/mod.rs"]
mod common;

mod armed;
mod closing;
mod opening;
mod supervised;
