//! `deadpeer history`: connections that died, as they are remembered.

mod groups;
mod request;
mod table;

pub(crate) use request::{HistoryArgs, Request, usual_file};

use std::collections::VecDeque;
use std::io::Write;
use std::ops::ControlFlow;
use std::time::SystemTime;

use deadpeer_history::{ReadError, Reader};
use deadpeer_report::record::Death;

use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::text::{death, style};
use groups::{By, Groups};

/// Reads, shows or adds up, and says what is missing.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let reader = Reader::open(&request.file).map_err(unread)?;
    let since = SystemTime::now()
        .checked_sub(request.since)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let beside = reader.since(since).map_err(unread)?;
    let deaths = match request.by {
        Some(by) => show_groups(request, by, &reader, since, output, out)?,
        None => show_each(request, &reader, since, output, out)?,
    };
    let summary = table::summary(request, since, deaths, &beside);
    let text = table::in_words(&summary);
    output.tell(out, || summary, style::PLAIN, || text)?;
    Ok(match beside.watched.is_empty() {
        true => Exit::Unknown,
        false => Exit::Yes,
    })
}

/// Says how many deaths were chosen.
fn show_each(
    request: &Request,
    reader: &Reader,
    since: SystemTime,
    output: Output,
    out: &mut impl Write,
) -> Result<u64, Stop> {
    let mut last = VecDeque::new();
    let deaths = each(request, reader, since, |death| match request.last {
        Some(most) => {
            if last.len() == most {
                last.pop_front();
            }
            last.push_back(death);
            Ok(())
        }
        None => show(&death, output, out),
    })?;
    for death in &last {
        show(death, output, out)?;
    }
    Ok(deaths)
}

fn show(death: &Death, output: Output, out: &mut impl Write) -> Result<(), Stop> {
    match output {
        Output::Text(look) => {
            let place = table::place(&death.place);
            Ok(death::write(death, &place, death::day_and_time, look, out)?)
        }
        Output::Json => line(out, death),
    }
}

/// Says how many deaths were chosen.
fn show_groups(
    request: &Request,
    by: By,
    reader: &Reader,
    since: SystemTime,
    output: Output,
    out: &mut impl Write,
) -> Result<u64, Stop> {
    let mut groups = Groups::by(by);
    let deaths = each(request, reader, since, |death| {
        groups.add(death);
        Ok(())
    })?;
    let survived = reader.survived(since).map_err(unread)?;
    let groups = groups.into_records(&survived);
    match output {
        Output::Text(_) if groups.is_empty() => {}
        Output::Text(look) => table::write(&groups, by, look, out)?,
        Output::Json => groups.iter().try_for_each(|group| line(out, group))?,
    }
    Ok(deaths)
}

/// Every death that is asked for. Says how many there were.
fn each(
    request: &Request,
    reader: &Reader,
    since: SystemTime,
    mut take: impl FnMut(Death) -> Result<(), Stop>,
) -> Result<u64, Stop> {
    let mut chosen = 0;
    let mut taken = Ok(());
    reader
        .deaths(since, |death| {
            let of_cause = request.causes.is_empty()
                || request.causes.iter().any(|cause| *cause == death.cause);
            if of_cause && request.filter.matches(&death) {
                chosen += 1;
                taken = take(death);
            }
            match taken {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })
        .map_err(unread)?;
    taken.map(|()| chosen)
}

fn unread(error: ReadError) -> Stop {
    if let ReadError::Open { error: why, .. } = &error
        && why.kind() == std::io::ErrorKind::NotFound
    {
        return Stop::because(format!(
            "{error}: nothing has been recorded there; deadpeer watch --record FILE records"
        ));
    }
    error.into()
}
