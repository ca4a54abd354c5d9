//! The kernel's table of TCP sockets, streamed over `NETLINK_SOCK_DIAG` (sock_diag(7)).
//!
//! [`SockDiag::dump`] asks once and hands out every socket as it arrives, borrowed from the receive
//! buffer: nothing is collected, 200,000 sockets need no more memory than two. The parser
//! ([`messages`]) is a pure function over bytes and takes any bytes at all.
//!
//! Own code, because the crates for it (netlink-packet-sock-diag) build a `Vec` of attributes per
//! socket and refuse a whole message when its `TCP_INFO` is shorter than theirs, which it is on
//! every older kernel.

mod destroy;
mod destroy_events;
mod dump;
mod find;
mod message;
mod multipath;
mod snapshot;
mod socket;
mod states;

pub use destroy::{DestroyError, SocketId};
pub use destroy_events::DestroyEvents;
pub use dump::{DumpEnd, DumpError, Request, SockDiag};
pub use message::{Malformed, Message, MessageKind, Messages, messages};
pub use socket::{ArmedTimer, Family, Socket, TimerKind};
pub use states::States;
