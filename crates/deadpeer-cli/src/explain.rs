//! `deadpeer explain`: who died, when, and how anybody noticed, from a packet capture.

mod advice;
mod answer;
mod filter;
mod input;
mod live;
mod packets;
mod page;
mod records;
mod request;
mod story;
mod summary;
mod telling;
mod time;

pub(crate) use request::{ExplainArgs, Request};

use std::io::Write;
use std::mem::ManuallyDrop;

use deadpeer_sys::signals::ended_by;

use crate::exit::{Exit, Stop};
use crate::output::Output;
use answer::Answer;
use request::Source;
use telling::Telling;

/// Reads and tells, and says what could not be read.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    // Nothing comes after it: to give a million conversations back one by one takes a second.
    let mut telling = ManuallyDrop::new(Telling::new(request, output));
    let read = match &request.source {
        Source::Live {
            interface,
            stop_after,
        } => {
            live::capture(interface, *stop_after, &mut telling, out)?;
            Ok(())
        }
        Source::File(file) => input::read(file, &mut telling, out)?,
    };
    telling.told(out)?;
    let read = read.map_err(|error| Stop::because(format!("{}: {error}", request.source)));
    if telling.conversations.totals().packets == 0 && read.is_err() {
        // Of what is no capture there is nothing to tell.
        return read.map(|()| Exit::Unknown);
    }
    let (conversations, lost) = (&telling.conversations, telling.lost);
    let answer = match output {
        Output::Json => records::judged(request, conversations, lost, out)?,
        Output::Text(_) => Answer::of(request, conversations, lost, None)?,
    };
    if let Some(page) = &request.html {
        page::write(page, &answer)?;
    }
    match output {
        Output::Json => records::write(&answer, out)?,
        Output::Text(look) if request.conn.is_some() => story::write(&answer, look, out)?,
        Output::Text(_) if request.packets => {}
        Output::Text(look) => summary::write(&answer, look, out)?,
    }
    out.flush()?;
    match read {
        Ok(()) if ended_by().is_some() => Ok(Exit::Interrupted),
        Ok(()) => Ok(answer.exit()),
        Err(stop) => Err(stop),
    }
}
