//! Bringing the connections of running programs under a deadline.
//!
//! [`Aim`] says what is to hold and what has to be set on one socket; [`Survey`] looks at every chosen socket and changes
//! nothing; [`carry_out`] changes them, once what was before is safely [recorded](crate::undo).

mod aim;
mod apply;
mod batches;
mod by_bpf;
mod loopback_burst;
pub mod new_connections;
mod survey;

pub(crate) use aim::overlay;
pub use aim::{Aim, Change, Step};
pub use apply::{CarryOutError, Failure, Outcome, carry_out};
pub use batches::Progress;
pub use loopback_burst::{LoopbackBurst, backlog};
pub use survey::{Fate, Part, Survey};
