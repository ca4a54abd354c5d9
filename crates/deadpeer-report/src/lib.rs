//! What deadpeer publishes, in words and as JSON.
//!
//! Values come in, text comes out: this crate knows no terminal, no command line, no exit code, no
//! clock and no descriptor, so that the command, a daemon and a page say the same in the same
//! words.
//!
//! - [`record`] has what `--json` prints, one struct for each `type` of line, to be written and to
//!   be read;
//! - [`Gap`] is what an answer leaves out, as a value that says itself;
//! - [`json`] writes JSON lines in which every character that does not print is an escape;
//! - [`raw::RawText`] carries names that need not be UTF-8 through JSON without loss;
//! - [`sanitize`] makes text from outside safe for a terminal;
//! - [`duration`] and [`plural`] are how times and counts are written, and [`middlebox`] has the
//!   names of boxes that stand for a time.
#![forbid(unsafe_code)]

pub mod duration;
mod gap;
pub mod json;
pub mod middlebox;
pub mod plural;
mod printable;
pub mod raw;
pub mod record;
pub mod sanitize;

pub use gap::{Burst, Gap, Privilege, Unreached, Unreadable};
