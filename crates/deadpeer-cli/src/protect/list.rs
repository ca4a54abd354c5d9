//! `deadpeer protect --list`: what can be undone, and what protects connections still to come.

use std::io::Write;
use std::time::Duration;

use deadpeer_host::protect::new_connections::{Standing, standing};
use deadpeer_host::undo::{Journal, Left, UndoFile, boot_id, default_directory};
use deadpeer_report::duration;
use deadpeer_report::plural::plural;
use deadpeer_report::record::StandingProtection;
use deadpeer_report::sanitize::sanitize;

use super::sysctl;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use crate::text::style;

/// Shows both.
pub(super) fn run(output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let journal = journal()?;
    let boot = boot_id().map_err(|error| Stop::because(format!("read boot_id: {error}")))?;
    let rules = standing();
    let left = Left::of(&journal.files, &boot);
    for (file, left) in journal.files.iter().zip(&left) {
        output.tell(
            out,
            || file.to_record(*left),
            style::PLAIN,
            || file_words(file, *left),
        )?;
    }
    let over = journal
        .files
        .iter()
        .zip(&left)
        .filter(|(file, left)| left.is_over(file));
    if over.count() > 0 {
        let said = "To forget the files with nothing left to undo: deadpeer protect --forget gone";
        output.say(out, style::FAINT, said)?;
    }
    output.gaps(out, journal.gaps())?;
    for rule in rules.iter().flatten() {
        output.tell(
            out,
            || StandingProtection::from(rule),
            style::PLAIN,
            || rule_words(rule),
        )?;
    }
    let unread = !journal.unreadable.is_empty();
    if journal.files.is_empty() && !unread && rules.as_ref().is_ok_and(Vec::is_empty) {
        let said = format!(
            "Nothing to undo in {}, and no future connections are protected.",
            default_directory().display()
        );
        output.say(out, style::PLAIN, &said)?;
    }
    match rules {
        Ok(_) if unread => Ok(Exit::Unknown),
        Ok(_) => Ok(Exit::Yes),
        Err(error) => {
            let said = format!("The protection of future connections can't be listed: {error}");
            output.say(out, style::NOTE, &said)?;
            Ok(Exit::Unknown)
        }
    }
}

/// Every undo file that is known.
pub(super) fn journal() -> Result<Journal, Stop> {
    let directory = default_directory();
    Journal::read(&directory)
        .map_err(|error| Stop::because(format!("cannot read {}: {error}", directory.display())))
}

/// Another undo has taken out all that it knew.
pub(super) fn is_empty(file: &UndoFile) -> bool {
    let record = file.record();
    record.sockets() == 0 && record.sysctls.is_empty()
}

fn file_words(file: &UndoFile, left: Left) -> String {
    let record = file.record();
    let path = file.path().display().to_string();
    let begun = i64::try_from(record.begun_unix_s).ok();
    let when = begun.and_then(|begun| jiff::Timestamp::from_second(begun).ok());
    let when = when.map_or_else(|| "at an unknown time".to_owned(), |when| when.to_string());
    let is_left = match left {
        Left::EarlierBoot => " (before the last boot: nothing left to undo)".to_owned(),
        Left::NamespaceGone => {
            " (in a network namespace that is gone: nothing left to undo)".to_owned()
        }
        _ if is_empty(file) => " (nothing left to undo)".to_owned(),
        Left::Sockets(0) if record.sysctls.is_empty() => {
            " (all closed since: nothing left to undo)".to_owned()
        }
        Left::Sockets(there) if there < record.sockets() as u64 => {
            format!(" ({} still open)", plural(there, "socket"))
        }
        Left::Sockets(_) | Left::Unknown => String::new(),
    };
    let mut names: Vec<&str> = record
        .groups
        .iter()
        .filter_map(|group| group.process.as_deref())
        .collect();
    names.sort_unstable();
    names.dedup();
    let of = match names.as_slice() {
        [] => String::new(),
        names => format!(" of {}", names.join(", ")),
    };
    let became = match record.within_ms {
        Some(ms) => format!(
            "protected within {}",
            duration::typed(Duration::from_millis(ms))
        ),
        None => "changed by ping or kill while asking, or left so when that was killed".to_owned(),
    };
    let set: String = (record.sysctls.iter())
        .map(|change| format!("{}, ", sysctl::was_set(change)))
        .collect();
    format!(
        "{}: {set}{}{} {became}, {when}{is_left}",
        sanitize(&path),
        plural(record.sockets() as u64, "socket"),
        sanitize(&of),
    )
}

fn rule_words(standing: &Standing) -> String {
    let pinned = &standing.pinned;
    let name = sanitize(&pinned.name);
    let place = match (&standing.cgroup, pinned.cgroup) {
        (Some(path), _) => format!("cgroup {}", sanitize(&path.display().to_string())),
        (None, Some(id)) => format!("the cgroup with the number {id}"),
        (None, None) => {
            return format!(
                "{name}: not in force, because its cgroup is gone or setting it up was interrupted; remove it with --remove {name}"
            );
        }
    };
    let counts = pinned.counts.map_or_else(String::new, |counts| {
        let mut words = format!(
            "; so far {} protected, {} left alone",
            plural(counts.protected, "end"),
            plural(counts.spared, "end"),
        );
        if counts.overruled > 0 {
            words += &format!(
                ", {} by programs overruled",
                plural(counts.overruled, "call")
            );
        }
        if counts.refused > 0 {
            words += &format!(", {} refused by the kernel", plural(counts.refused, "end"));
        }
        words
    });
    let outdated = match pinned.outdated {
        true => String::from(
            "; made by an earlier version, so it does not overrule what programs set later: run protect --new-connections again to replace it",
        ),
        false => String::new(),
    };
    format!("{name}: new connections in {place}{counts}{outdated}")
}
