//! The daemon that keeps a machine free of dead connections, and remembers them.
//!
//! Its parts know little of each other. What happened to a connection is an [`Event`] for whoever
//! remembers, and how things stand is in [`Readings`] for whoever shows them.
#![forbid(unsafe_code)]

mod event;
mod readings;

pub use event::{
    Died, Event, Evidence, KillResult, Killed, Mode, PolicyName, Spared, Subject, WhySpared,
};
pub use readings::{
    Configured, Direction, HoldReason, Holding, Protection, QuestionResult, Readings,
    ServiceReading, Swept, What,
};
