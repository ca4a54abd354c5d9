//! `deadpeer listen` and `deadpeer connect` from outside: on the lab's wire, where peers close,
//! vanish, reset and stop reading.

#[path = "../common/mod.rs"]
mod common;
mod documented;
mod end;
mod room;

mod heartbeat;
mod leftovers;
mod methods;
mod orderly;
mod refused;
mod sudden_loss;
mod vanishing;
