//! The verdict, by hand-made readings and by simulated years.

#[path = "../../examples/verdict_simulation/world.rs"]
mod world;

mod hand_made;
mod looks;
mod readings;
mod years;
