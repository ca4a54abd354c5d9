//! Destroying half-open connections: who may go ([`ProbeRounds`]), doing it, and making sure
//! ([`destroy()`]).

mod decision;
mod destroy;
mod multipath;
mod rehearsal;
mod rounds;

pub use decision::{Decision, Selection};
pub use destroy::{DestroyAllError, Destroyed, destroy, destroy_everywhere, is_supported};
pub use multipath::Multipath;
pub use rehearsal::rehearse;
pub use rounds::{ATTEMPTS, ProbeRounds};
