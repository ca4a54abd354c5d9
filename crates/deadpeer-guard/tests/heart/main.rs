//! The heart on a simulated machine: days in seconds, every fault from a seed.

mod brake;
mod connection;
mod machine;
mod modes;
mod observer;
mod weather;
mod weeks;
