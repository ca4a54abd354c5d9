//! Asking a guard that runs.

use std::io::Write;
use std::time::Duration;

use deadpeer_guard::HoldReason;
use deadpeer_guard::live::{Asked, ask, runtime_directory};
use deadpeer_report::duration::typed;
use deadpeer_report::plural::plural;
use deadpeer_report::record::GuardStatus;

use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::text::style;

pub(super) fn run(asked: Asked, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let status = ask(&runtime_directory(), asked)?;
    show(&status, output, out)?;
    Ok(Exit::Yes)
}

/// How a guard stands.
pub(super) fn show(status: &GuardStatus, output: Output, out: &mut impl Write) -> Result<(), Stop> {
    if matches!(output, Output::Json) {
        return line(out, status);
    }
    let seen = format!(
        "{} seen in the last sweep, {} whose peer owes an answer. {} destroyed, {} would have been, {} spared although its peer seemed gone.",
        plural(status.connections, "connection"),
        status.asked,
        status.destroyed,
        status.would_destroy,
        plural(status.spared, "time"),
    );
    output.say(out, style::NOTE, &seen)?;
    if status.namespaces_unread > 0 {
        let unread = format!(
            "{} guarded, {} could not be entered: what runs there is not seen.",
            plural(status.namespaces, "network namespace"),
            status.namespaces_unread,
        );
        output.say(out, style::BAD, &unread)?;
    }
    for lack in &status.lacks {
        output.say(out, style::BAD, &sentence(lack))?;
    }
    for late in &status.closed_windows {
        let said = format!(
            "Policy {}: a peer that vanishes behind a closed window may take {} to notice, where others take {}.",
            late.policy,
            typed(Duration::from_secs(late.closed_window_ms.div_ceil(1000))),
            typed(Duration::from_millis(late.within_ms)),
        );
        output.say(out, style::NOTE, &said)?;
    }
    if !status.last_reload_ok {
        let wrong = "The configuration that was read last is wrong; the one before is in force.";
        output.say(out, style::BAD, wrong)?;
    }
    for hold in &status.holding {
        let whom = match (&hold.service, hold.netns) {
            (Some(service), _) => format!(" ({service})"),
            (None, Some(number)) => format!(" (network namespace {number})"),
            (None, None) => String::new(),
        };
        let since = typed(Duration::from_secs(hold.for_ms / 1000));
        let why = format!(
            "It has been holding for {since}: {}{whom}.",
            words(&hold.reason)
        );
        output.say(out, style::BAD, &why)?;
    }
    Ok(())
}

/// With a capital letter and a full stop.
fn sentence(said: &str) -> String {
    let mut letters = said.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// The sentence of a word that a guard of this version writes, or the word itself.
fn words(reason: &str) -> &str {
    let mut known = HoldReason::ALL.into_iter();
    match known.find(|known| known.word() == reason) {
        Some(known) => known.words(),
        None => reason,
    }
}
