//! Bringing the connections of running programs under a deadline.
//!
//! [`Aim`] says what is to hold and what has to be set on one socket; [`Survey`] looks at every
//! chosen socket and changes nothing; [`CarryOut`] changes them, once what was before is safely
//! [recorded](crate::undo).

mod aim;
mod armed;
mod asking;
mod batches;
mod by_bpf;
mod by_descriptors;
mod carry_out;
mod groups;
mod loopback_burst;
mod made_elsewhere;
pub mod new_connections;
mod outcome;
mod overwriting;
mod patience;
mod survey;
mod sysctl;

pub use aim::{Aim, Change, Step};
pub use armed::ArmedAhead;
pub use asking::Asking;
pub use batches::Progress;
pub use carry_out::CarryOut;
pub use loopback_burst::{LoopbackBurst, backlog};
pub use made_elsewhere::{Elsewhere, MadeElsewhere, MadeElsewhereError, made_elsewhere};
pub use outcome::{CarryOutError, Failure, Outcome};
pub use overwriting::{NothingAccepted, Overwriting};
pub use patience::Patience;
pub use survey::{ArmedEnds, Fate, Part, Survey};
pub use sysctl::SetSysctlError;

/// So often options are put back that the kernel refuses.
const PUT_BACK_TRIES: usize = 3;
