//! How other programs are told to notice a vanished peer.
//!
//! Each program is one file in `recipes/`: which option of the socket it sets by which key, on
//! which side, in which unit, what it cannot set at all, how a change takes effect, and where all
//! that is written. From a deadline and a recipe comes an [`Advice`]: the lines to write, what they
//! keep and what they can't, with the forecast for each kind of silence.
//!
//! Pure: no descriptor, no clock, no file but those compiled in.

mod advice;
mod catalogue;
mod fit;
pub mod read;
mod recipe;
mod template;

pub use advice::{Advice, OwnAdvice, SideAdvice, advise};
pub use catalogue::{Unknown, all, find, of_port, of_process};
pub use fit::Fit;
pub use recipe::{
    Configuration, Each, Ends, Key, Kind, Knob, OwnTimeout, Proof, Recipe, Side, SideKind, Syntax,
    Target, Unit, Zero,
};
