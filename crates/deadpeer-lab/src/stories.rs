//! Whether the stories that captures of an experiment tell are true.
//!
//! The lab knows what it did to the path and to the peer, and our kernel says what became of each
//! of our sockets. A story comes from packets alone. [`compare`] puts the two side by side, for the
//! capture at our end and for the one at the peer's. What packets cannot show must not be claimed:
//! a silence in which nobody asked anything has no dead.

mod captured;
mod compare;
mod damage;
mod truth;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::matrix::{Experiment, Life};
use crate::scenario::Fate;

pub use compare::{ComparisonError, Mistake, Score, compare};
pub use damage::{Damage, Damaged, compare_damaged};

/// What is true of an experiment, as far as captures can be held against it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Truth {
    /// The scenario's name.
    pub scenario: String,
    /// What had become of the peer.
    pub peer: Fate,
    /// When the fault began, since 1970.
    pub struck_at: Duration,
    /// What became of our end of each connection.
    pub lives: Vec<Life>,
}

impl Truth {
    /// The truth about an experiment.
    #[must_use]
    pub fn of(experiment: &Experiment) -> Self {
        Self {
            scenario: experiment.scenario.clone(),
            peer: experiment.peer,
            struck_at: experiment.struck_at,
            lives: experiment.lives.clone(),
        }
    }
}

named! {
    /// Whose side a capture was taken at; named as the host, and so the capture.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum At {
        /// Ours.
        Ours = "ours",
        /// The peer's.
        Theirs = "theirs",
    }
}
