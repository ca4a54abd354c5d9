//! The heartbeat machines, by hand-made histories, by random ones and by simulated years.

#[path = "../../examples/heartbeat_simulation/ends.rs"]
#[allow(dead_code, reason = "shared with the simulation, which uses all of it")]
mod ends;
#[path = "../../examples/heartbeat_simulation/path.rs"]
#[allow(dead_code, reason = "shared with the simulation, which uses all of it")]
mod path;

mod crowd;
mod histories;
mod lateness;
mod negotiation;
mod years;
