//! Bringing the connections of running programs under a deadline.
//!
//! [`Aim`] says what is to hold and what has to be set on one socket; [`Survey`] looks at every chosen socket and changes
//! nothing; [`carry_out`] changes them, once what was before is safely [recorded](crate::undo).

mod aim;
mod apply;
mod crowd;
mod survey;
mod turns;
mod within;

pub(crate) use aim::overlay;
pub use aim::{Aim, Change, Step};
pub use apply::{CarryOutError, Failure, Outcome, carry_out};
pub use crowd::{Crowd, backlog};
pub use survey::{Fate, Part, Survey};
pub use turns::Progress;
