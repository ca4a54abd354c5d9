//! Capture files: every format, every way to be broken, in pieces of any size.

mod broken;
mod corpus;
mod formats;
mod headers;
mod pieces;
mod writer;
