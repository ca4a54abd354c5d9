//! What the daemon is told: policies, in `guard.toml` and the files of `guard.d` beside it.
//!
//! [`Config::load`] reads and checks all of it, or says in one sentence with file, line and column
//! what is wrong with it; nothing of a wrong configuration is taken over.

mod check;
mod error;
mod file;
mod load;
mod policy;
mod text;

pub use error::ConfigError;
pub use policy::{Brake, Config, Hooks, Policy};

/// Where the configuration is unless told otherwise.
pub const DEFAULT_PATH: &str = "/etc/deadpeer/guard.toml";
