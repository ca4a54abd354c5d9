//! What this crate knows as what deadpeer publishes: the records of `deadpeer-report`, made from
//! values.
//!
//! It stands here and not with who prints, because the command and a daemon publish the same
//! values. A record that is made of one value alone comes by `From`; where it takes more, the value
//! has a `to_record`.

mod audit;
mod deaths;
mod gaps;
mod hanging;
mod kill;
mod ping;
mod place;
mod protect;
mod undo;

pub use gaps::unreached;
pub use place::place;
