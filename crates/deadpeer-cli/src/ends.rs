//! `deadpeer listen` and `deadpeer connect`: two ends for trying a path or a setting by hand.
//!
//! An end carries data as nc does, looks at each connection ten times a second, and says what it
//! sees. Whether the peer is gone is decided by one method, which goes by its own sign alone; what
//! the others would have seen is said at the end.

mod address;
mod ending;
mod framed;
mod hub;
mod input;
mod json;
mod line;
mod method;
mod observer;
mod report;
mod request;
mod seen;
mod socket;
mod standing;
mod words;

pub(crate) use request::{Connect, ConnectArgs, Listen, ListenArgs};

use std::io::Write;

use deadpeer_sys::signals::Second;

use crate::drive::interruption;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use hub::Hub;
use report::Report;
use socket::Dialled;

/// Serves clients.
pub(crate) fn listen(request: &Listen, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let conduct = &request.conduct;
    let address = address::to_listen(&request.address)?;
    let listener = socket::listener(&address, &conduct.method)?;
    let interruption = interruption(Second::Ends)?;
    let mut report = Report::new(out, output, conduct.verbose);
    let address = listener
        .local_addr()
        .map_err(|error| Stop::because(format!("cannot listen: {error}")))?;
    report.listening(address, &conduct.method)?;
    Hub::new(conduct, interruption, report)?.serve(&listener, request.once)
}

/// Connects and stays connected.
pub(crate) fn connect(
    request: &Connect,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let conduct = &request.conduct;
    let addresses = address::to_connect(&request.address)?;
    let interruption = interruption(Second::Ends)?;
    let report = Report::new(out, output, conduct.verbose);
    let trying = |address| report.trying(address);
    match socket::connected(&addresses, &conduct.method, &interruption, trying)? {
        Dialled::Interrupted => Ok(Exit::Interrupted),
        Dialled::Connected(stream) => {
            report.goes_by(&conduct.method)?;
            let mut hub = Hub::new(conduct, interruption, report)?;
            hub.add(stream)?;
            hub.talk()
        }
    }
}
