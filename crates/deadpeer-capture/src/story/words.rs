//! The words of a story. Whoever shows one takes them from here.
//!
//! They hold no byte of the capture, only numbers and addresses, so they are safe for any terminal.

mod count;
mod event;
mod evidence;
mod group;
mod idle;
mod length;
mod names;
mod reset;
mod settings;
mod translated;
mod verdict;
mod wait;

pub use length::Length;
