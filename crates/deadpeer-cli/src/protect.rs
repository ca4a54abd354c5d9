//! `deadpeer protect`: brings the connections of running programs under a deadline.

mod burst;
mod change;
mod forget;
mod goal;
mod list;
mod new_connections;
mod outcome;
mod plan;
mod request;
mod sysctl;
mod undo;

pub(crate) use request::{ProtectArgs, Request};

use std::io::Write;

use crate::exit::{Exit, Stop};
use crate::output::Output;

/// Does what is asked.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    match request {
        Request::Change(change) => change::run(change, output, out),
        Request::NewConnections(rule) => new_connections::run(rule, output, out),
        Request::Undo(undo) => undo::run(undo, output, out),
        Request::Forget(forget) => forget::run(forget, output, out),
        Request::List => list::run(output, out),
        Request::Remove(name) => new_connections::remove(name, output, out),
    }
}
