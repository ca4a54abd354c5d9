//! `deadpeer listen` and `deadpeer connect`: two ends for trying a path or a setting by hand.
//!
//! An end carries data as nc does, looks at each connection ten times a second, and says what it sees. Whether the peer is gone
//! is decided by one method, which goes by its own sign alone; what the others would have seen is said at the end.

mod address;
mod args;
mod ending;
mod framed;
mod hub;
mod input;
mod json;
mod line;
mod method;
mod observer;
mod report;
mod seen;
mod socket;
mod words;

pub(crate) use args::{ConnectArgs, ListenArgs};

use crate::drive::interruption;
use crate::exit::{Exit, Stop};
use args::Common;
use deadpeer_sys::signals::Second;
use hub::Hub;
use method::{Eyes, Method, Name};
use report::Report;
use socket::Dialled;
use std::io::Write;

/// Serves clients.
pub(crate) fn listen(args: &ListenArgs, out: &mut impl Write) -> Result<Exit, Stop> {
    let common = &args.common;
    let method = chosen(common)?;
    let listener = socket::listener(&address::to_listen(&args.address)?, &method)?;
    let interruption = interruption(Second::Ends)?;
    let mut report = Report::new(out, common.json, common.verbose);
    let address = listener
        .local_addr()
        .map_err(|error| Stop::because(format!("cannot listen: {error}")))?;
    report.listening(address, &method)?;
    Hub::new(common, &method, interruption, report)?.serve(&listener, args.once)
}

/// Connects and stays connected.
pub(crate) fn connect(args: &ConnectArgs, out: &mut impl Write) -> Result<Exit, Stop> {
    let common = &args.common;
    let method = chosen(common)?;
    let addresses = address::to_connect(&args.address)?;
    let interruption = interruption(Second::Ends)?;
    let report = Report::new(out, common.json, common.verbose);
    let trying = |address| report.trying(address);
    match socket::connected(&addresses, &method, &interruption, trying)? {
        Dialled::Interrupted => Ok(Exit::Fine),
        Dialled::Connected(stream) => {
            report.goes_by(&method)?;
            let mut hub = Hub::new(common, &method, interruption, report)?;
            hub.add(stream)?;
            hub.talk()
        }
    }
}

/// The method, unless what is asked for could never notice anything.
fn chosen(common: &Common) -> Result<Method, Stop> {
    let method = Method::chosen(common)?;
    let by_reading = [Name::Recv, Name::Heartbeat].map(Eyes::Classic);
    if common.no_read && by_reading.contains(&method.eyes) {
        return Err(Stop::because(format!(
            "--method {} with --no-read would notice nothing: it goes by what is read",
            method.name()
        )));
    }
    Ok(method)
}
