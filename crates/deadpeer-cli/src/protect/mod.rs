//! `deadpeer protect`: brings the connections of running programs under a deadline.

mod args;
mod burst;
mod change;
mod list;
mod new_connections;
mod outcome;
mod plan;
mod undo;

pub(crate) use args::ProtectArgs;

use crate::exit::{Exit, Stop};
use crate::text::table::Look;
use std::io::Write;

/// Does what the flags ask for.
pub(crate) fn run(args: &ProtectArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    match (&args.undo, args.list, &args.remove) {
        (Some(file), _, _) => undo::run(args, file, look, out),
        (None, true, _) => list::run(args, look, out),
        (None, false, Some(name)) => new_connections::remove(args, name, look, out),
        (None, false, None) if args.new_connections => new_connections::run(args, look, out),
        (None, false, None) => change::run(args, look, out),
    }
}
