//! Faults: what is done to the path between two hosts, and to the peer.
//!
//! A fault is a list of [`Deed`]s, each one thing that is done or a wait. Deeds are data
//! ([`crate::scenario`] reads them from TOML). Those that concern the network are carried out by a
//! [`Path`], those that concern the peer's program by whoever runs it; a
//! [`Script`] says when each is due.

mod deed;
mod destroy;
mod duration;
mod path;
mod script;

pub use deed::{Deed, Side, Unreachable, Way};
pub(crate) use duration::read_some;
pub use path::{Path, Toll};
pub use script::Script;
