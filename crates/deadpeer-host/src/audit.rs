//! What the connections of a machine promise about a peer that vanishes, judged in one place for
//! every verb.
//!
//! [`Audit`] judges one connection ([`Judgement`]), adds the connections of a service up
//! ([`Tally`]) and those of a namespace ([`Machine`]). All of it is plain values: who prints them
//! decides nothing.

mod basis;
mod bound;
mod closed;
mod connection;
mod foretold;
mod hanging;
pub mod inheritance;
mod machine;
mod other_end;
mod overruled;
mod proof;
mod replies;
mod tally;
mod timers;
mod totals;
mod unclosed;
mod unread;
mod worst;

pub use basis::Basis;
pub use bound::Bound;
pub use closed::{Closed, GivenUp};
pub use connection::{Audit, Compliance, Judgement};
pub use foretold::Foretold;
pub use hanging::{Hanging, Wait};
pub use machine::{Audited, Machine, Moment};
pub use replies::{Replies, RoundTrips};
pub use tally::{Share, Tally};
pub(crate) use timers::Timers;
pub use totals::Totals;
pub use unclosed::{Leak, Unclosed};
pub use unread::Unread;
pub use worst::{Worst, Worsts};
