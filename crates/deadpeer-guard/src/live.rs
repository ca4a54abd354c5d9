//! How a running guard is reached: by its supervisor, by whoever is root, and by another guard that
//! would like to run too.

mod alone;
mod control;
mod held;
mod supervisor;

pub use alone::{Alone, AloneError, runtime_directory};
pub use control::{AskError, Asked, ask};
pub(crate) use control::{Control, Question};
pub(crate) use held::Held;
pub(crate) use supervisor::Supervisor;
