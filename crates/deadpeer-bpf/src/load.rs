//! From an object file to a program in the kernel.
//!
//! An object says which fields of which kernel types its instructions touch. [`relocate`] looks
//! them up in the running kernel's own description of its types, and [`program`] fills in the maps
//! and hands the result over.

mod object;
mod program;
mod relocate;
mod types;

pub(crate) use program::{Loaded, Recipe, Target};
pub(crate) use types::Types;
