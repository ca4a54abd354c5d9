//! Which connections are meant: one vocabulary for everything that looks at connections.
//!
//! [`Selector`] is how it was written down, by names; [`Filter`] is what that means now, by
//! numbers.

pub mod cgroup;
mod container;
mod endpoint;
mod glob;
mod matching;
mod past;
mod read;
mod selector;
mod user;

pub use container::Container;
pub use endpoint::{Endpoint, EndpointError};
pub use glob::Glob;
pub use matching::Filter;
pub use past::PastFilter;
pub use read::{pid, port, state};
pub use selector::{Missing, ResolveError, Resolved, Selector};
pub use user::User;
