//! What makes text readable on a terminal: tables, paragraphs and colours. Nothing here decides
//! anything.

pub(crate) mod bytes;
pub(crate) mod death;
pub(crate) mod look;
pub(crate) mod paragraph;
pub(crate) mod style;
pub(crate) mod table;
