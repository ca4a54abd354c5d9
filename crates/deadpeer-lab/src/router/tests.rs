//! The router by arithmetic and virtual time: no socket, no clock.

mod answers;
mod forwarding;
mod packets;
mod rules;
mod tracking;
