//! Programs in C, compiled and run.

mod calls;
mod compiler;
mod left;
mod server;
mod valgrind;
