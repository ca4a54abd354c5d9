//! Which connections died and why, remembered in one SQLite file.
//!
//! [`Recorder`] takes deaths as they happen and writes them from a thread of its own, half a second
//! later; [`Reader`] gives them back as the records that `deadpeer watch --json` prints. Any other
//! program can read the file too: `schema.sql` says what is in it.
//!
//! What cannot be written is counted, exactly, and the count is written as soon as something can
//! be. A process that is killed loses what came in its last second, and the file is sound at any
//! moment.
#![forbid(unsafe_code)]

mod bounds;
mod names;
mod network;
mod open;
mod reader;
mod recorder;
mod row;
mod store;
mod time;
mod unused;
mod watch;

pub use bounds::Bounds;
pub use network::network;
pub use open::{Damaged, OpenError, Trouble};
pub use reader::{Lost, ReadError, Reader, Since};
pub use recorder::{Recorder, Status};
pub use store::{Batch, Store};
