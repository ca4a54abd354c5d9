//! What makes data readable: safe text, durations, tables and colours. Nothing here decides anything.

pub(crate) mod duration;
pub(crate) mod paragraph;
pub(crate) mod plural;
pub(crate) mod sanitize;
pub(crate) mod style;
pub(crate) mod table;
