//! Detectors on simulated and recorded beats.

#[path = "../../examples/heartbeat_simulation/detector/mod.rs"]
#[allow(dead_code, reason = "shared with the simulation, which uses all of it")]
mod detector;
#[path = "../../examples/heartbeat_simulation/path.rs"]
#[allow(dead_code, reason = "shared with the simulation, which uses all of it")]
mod path;
#[path = "../../examples/heartbeat_simulation/race.rs"]
#[allow(dead_code, reason = "shared with the simulation, which uses all of it")]
mod race;

mod closed_form;
mod equal_detection;
