//! `deadpeer watch` on a real wire: every cause is brought about and must be named, by eBPF and
//! without.

mod causes;
mod multipath;
mod observer;
mod record;
mod scenes;
mod usage;
