//! A plan as code to paste.
//!
//! Every language sets the options in the same order: `SO_KEEPALIVE` first and `TCP_KEEPIDLE` last,
//! so that the timer of an open connection is armed with all other values in force and silence that
//! has already passed counts (net/ipv4/tcp.c, `tcp_sock_set_keepidle_locked`).

mod c;
mod rust;
mod scripted;
mod sysctl;

use deadpeer_core::{Setting, SocketOption};

pub(super) use c::c;
pub(super) use rust::{libc, rust};
pub(super) use scripted::{as_far_as_it_goes, csharp, go, python};
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
    /// Go, for any connection or listener
    Go,
    /// Python's module socket
    Python,
    /// Java, as far as its sockets have the options
    Java,
    /// Node, as far as its sockets have the options
    Node,
    /// C#, .NET 5 and later
    Csharp,
    /// The defaults of the network namespace, as far as there are any
    Sysctl,
}

/// What the value of an option counts, for a comment beside it.
pub(super) fn counts(setting: Setting) -> &'static str {
    match (setting.option, setting.value) {
        (SocketOption::Keepalive, 0) => "off",
        (SocketOption::Keepalive, _) => "on",
        (option, _) => option.facts().counts,
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_core::SocketOptions;

    /// Every option set, each to a value of its own.
    pub(super) fn everything() -> SocketOptions {
        SocketOptions::new()
            .keepalive(true)
            .keepidle_s(20)
            .keepintvl_s(1)
            .keepcnt(8)
            .user_timeout_ms(28_000)
            .rto_max_ms(3_000)
            .syncnt(4)
    }
}
