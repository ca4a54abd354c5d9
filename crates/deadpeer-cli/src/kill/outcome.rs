//! What came of it, in words and for scripts.

use std::io::Write;

use deadpeer_host::Target;
use deadpeer_host::kill::{Decision, Destroyed, Selection};
use deadpeer_report::duration;
use deadpeer_report::plural::plural;
use deadpeer_report::record::KillSummary;

use super::request::Request;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use crate::text::look::Look;
use crate::text::paragraph::{counted, paragraph};
use crate::text::style;

/// That no connection is meant.
pub(super) fn nothing(request: &Request) -> String {
    let mut said = "No open connection".to_owned();
    let silent = match request.selection {
        Selection::SilentFor(time) => {
            Some(format!("has been silent for {}", duration::typed(time)))
        }
        Selection::Unreachable | Selection::AllMatching => None,
    };
    match (request.chosen.is_filtered(), silent) {
        (false, None) => return "There is no open connection.".to_owned(),
        (false, Some(silent)) => said += &format!(" {silent}"),
        (true, None) => said += &format!(" matches {}", request.chosen.words()),
        (true, Some(silent)) => {
            said += &format!(" matches {} and {silent}", request.chosen.words());
        }
    }
    said + "." + &request.chosen.did_you_mean()
}

/// What the programs of these connections get.
pub(super) fn programs_get(doomed: &[&Target]) -> &'static str {
    let parts = doomed.iter().filter(|target| target.multipath).count();
    match parts {
        0 if doomed.iter().all(|target| target.inode.is_none()) => "No program holds them.",
        0 => "Their programs get ECONNABORTED.",
        _ if parts == doomed.len() => {
            "Their programs get ENOTCONN, once the last part of their Multipath TCP connection is gone."
        }
        _ => {
            "Their programs get ECONNABORTED; those of Multipath TCP, once its last part is gone, ENOTCONN."
        }
    }
}

/// What a rehearsal comes to.
pub(super) fn rehearsed(
    targets: &[Target],
    decisions: &[Decision],
    hidden: bool,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let count = |is: fn(&Decision) -> bool| decisions.iter().filter(|one| is(one)).count() as u64;
    let doomed = count(Decision::destroys);
    let would_ask = count(|decision| matches!(decision, Decision::WouldAsk(_)));
    let unknown = count(|decision| matches!(decision, Decision::Unknown(_)));
    let record = || KillSummary {
        would_ask,
        ..KillSummary::from(&Destroyed::default())
    };
    let said = || {
        let mut said = format!("{} would be destroyed", plural(doomed, "connection"));
        if would_ask > 0 {
            said += &format!(", and {would_ask} asked first");
        }
        said += "; nothing was sent, and nothing was destroyed.";
        let doomed = super::doomed(targets, decisions);
        match doomed.iter().any(|target| target.multipath) {
            true => format!("{said} {}", programs_get(&doomed)),
            false => said,
        }
    };
    output.tell(out, record, style::PLAIN, said)?;
    Ok(match would_ask + unknown > 0 || hidden {
        true if doomed == 0 => Exit::Unknown,
        true | false => Exit::Yes,
    })
}

/// Ends where nothing is destroyed, and questions ended so many.
pub(super) fn undone(
    ended: u64,
    doomed: u64,
    unknown: bool,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let record = || summary(&Destroyed::default(), ended);
    let said = || match ended {
        0 => "Nothing was destroyed.".to_owned(),
        _ => format!("{}, and nothing was destroyed.", by_question(ended)),
    };
    output.tell(out, record, style::PLAIN, said)?;
    Ok(match doomed {
        0 if unknown => Exit::Unknown,
        0 => Exit::Yes,
        _ => Exit::No,
    })
}

/// The record of what was done.
pub(super) fn summary(done: &Destroyed, ended: u64) -> KillSummary {
    KillSummary {
        ended_by_question: ended,
        ..KillSummary::from(done)
    }
}

fn by_question(ended: u64) -> String {
    let connections = plural(ended, "connection");
    let known = if ended == 1 { "it" } else { "them" };
    format!("{connections} ended by the probe, because the other end no longer knew {known}")
}

/// What was destroyed, and what became of the others.
pub(super) fn told(
    done: &Destroyed,
    ended: u64,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    if ended > 0 {
        paragraph(
            out,
            look,
            style::GOOD,
            "",
            "  ",
            &(by_question(ended) + "."),
        )?;
    }
    let mut say = |style, count, text: &str| counted(out, look, style, (count, "connection"), text);
    let multipath = done.multipath;
    let parts = multipath.told + multipath.untold + multipath.go_on;
    say(
        style::GOOD,
        done.destroyed,
        match parts {
            0 if done.unheld < done.destroyed => {
                "destroyed and gone from the kernel's table. Their programs get ECONNABORTED, and any peer that is still there gets an RST."
            }
            _ if parts + done.unheld >= done.destroyed => {
                "destroyed and gone from the kernel's table. Any peer that is still there gets an RST."
            }
            _ => {
                "destroyed and gone from the kernel's table. Their programs get ECONNABORTED, unless they are among those below, and any peer that is still there gets an RST."
            }
        },
    )?;
    say(
        style::PLAIN,
        multipath.told,
        "of Multipath TCP among these: the program sees ENOTCONN.",
    )?;
    say(
        style::BAD,
        multipath.untold,
        "of Multipath TCP among these whose program could not be reached: it sees ENOTCONN after net.mptcp.close_timeout, a minute.",
    )?;
    say(
        style::BAD,
        multipath.go_on,
        "of Multipath TCP among these, with other parts left: the program notices nothing.",
    )?;
    say(style::PLAIN, done.gone, "already over by then.")?;
    say(
        style::BAD,
        done.still_there,
        "still there: before Linux 6.12 the kernel may keep for good what no program holds.",
    )?;
    say(
        style::BAD,
        done.spared.len() as u64,
        "not destroyed: their programs have closed them, and this kernel kept the first such one. It gives the others up by itself.",
    )?;
    if let Some((count, error)) = &done.refused {
        say(style::BAD, *count, &format!("not destroyed: {error}."))?;
    }
    Ok(())
}
