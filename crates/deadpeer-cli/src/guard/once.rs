//! One look: what a guard would do about the present connections.

use std::io::Write;
use std::time::Duration;

use deadpeer_guard::{Event, Guard};
use deadpeer_host::undo::default_directory;
use deadpeer_report::duration;
use deadpeer_report::plural::plural;
use deadpeer_report::record::Guarded;

use super::ask::show;
use super::request::Request;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use crate::text::style;

pub(super) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let config = request.load()?.observing();
    let mut guard = Guard::open(config, request.scope.clone(), default_directory())?;
    let mut records: Vec<Guarded> = Vec::new();
    guard.sweep(&mut |event: &Event| records.extend(event.to_record()))?;
    for record in &records {
        output.tell(out, || record.clone(), style::BAD, || sentence(record))?;
    }
    for (policy, what, count) in guard.rehearse()? {
        let key = what.word();
        let sockets = plural(count as u64, "socket");
        let said = format!("Policy {policy}: {key} = \"enforce\" would set options of {sockets}.");
        output.say(out, style::NOTE, &said)?;
    }
    show(&guard.readings().to_record(), output, out)?;
    Ok(Exit::Yes)
}

fn sentence(record: &Guarded) -> String {
    let what = match &record.spared {
        None => "Would destroy".to_owned(),
        Some(why) => format!("Would let live ({why})"),
    };
    let process = match &record.process {
        Some(name) => name.to_string(),
        None => "?".to_owned(),
    };
    format!(
        "{what} {} -> {} of {} (policy {}): silent for {}, {} unanswered, {} are enough.",
        record.local,
        record.peer,
        process,
        record.policy,
        duration::typed(Duration::from_secs(record.silent_ms / 1000)),
        plural(record.unanswered.into(), "question"),
        record.needed,
    )
}
