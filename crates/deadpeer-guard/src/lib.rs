//! The daemon that keeps a machine free of dead connections, and remembers them.
//!
//! Its parts know little of each other. What happened to a connection is an [`Event`] for whoever
//! remembers, and how things stand is in [`Readings`] for whoever shows them.
#![forbid(unsafe_code)]

mod choice;
pub mod config;
mod daemon;
mod enforce;
mod event;
mod guard;
pub mod heart;
mod hooks;
mod kill;
mod late;
mod links;
pub mod live;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
mod ours;
mod protection;
mod publish;
mod readings;
mod realm;
mod realms;
mod rights;
mod rules;
mod services;
mod silences;
mod sweep;
mod tell;
mod witness;

pub use config::Config;
pub use daemon::{Daemon, SIGNALS, Source};
// A plain value, which the heart counts with.
pub use deadpeer_host::protect::Patience;
pub use event::{
    Died, Event, Evidence, Judged, KillResult, Mode, PolicyName, Sentence, Subject, WhySpared,
};
pub use guard::{Guard, OpenGuardError, SweepError, Tell};
pub use readings::{
    Configured, HoldReason, Holding, Noticed, Protection, QuestionResult, Readings, ServiceReading,
    Swept, What,
};
pub use realm::OpenRealmError;
pub use silences::Survived;
pub use witness::Witness;
