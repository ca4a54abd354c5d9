//! A plan as code to paste.
//!
//! Every language sets the options in the same order: `SO_KEEPALIVE` first and `TCP_KEEPIDLE` last,
//! so that the timer of an open connection is armed with all other values in force and silence that
//! has already passed counts (net/ipv4/tcp.c, `tcp_sock_set_keepidle_locked`).

mod c;
mod rust;
mod setting;
mod sysctl;

pub(super) use c::c;
pub(super) use rust::{libc, rust};
pub(super) use setting::settings;
pub(super) use sysctl::sysctl;

/// What to print code for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// setsockopt calls
    C,
    /// With the crate deadpeer
    Rust,
    /// Rust with the crate libc alone
    Libc,
    /// The defaults of the network namespace, as far as there are any
    Sysctl,
}
