//! `protect` as JSON lines.

use super::args::ProtectArgs;
use super::outcome::failure_words;
use super::plan::worst;
use crate::exit::Stop;
use crate::json::{NoticeJson, OptionsJson, line, milliseconds};
use deadpeer_bpf::Pinned;
use deadpeer_host::Role;
use deadpeer_host::protect::{Aim, Fate, Outcome, Part, Step, Survey};
use deadpeer_host::undo::{Restored, UndoFile};
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// Sockets of one service with the same settings, and what is to be done with them.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "protect_plan")]
pub(crate) struct ProtectPlanJson {
    /// The name of the processes; null: no owner could be seen.
    process: Option<String>,
    /// The listening address; null: these are no connections of a listener.
    address: Option<String>,
    /// The port they were accepted on or connect to.
    port: u16,
    /// Whether these are listeners.
    listeners: bool,
    /// How many.
    sockets: u64,
    /// The settings in force; null: unknown.
    before: Option<OptionsJson>,
    /// When a vanished peer is noticed with them, in the worst case; null: unknown.
    before_notices_in: Option<NoticeJson>,
    /// "fine", "change", "kept-for-application", "helpless" or "unseen".
    fate: &'static str,
    /// Why they could not be seen.
    unseen_because: Option<&'static str>,
    /// Whether the application had set something itself that misses the deadline.
    own_choice: Option<bool>,
    /// What is set; the rest stays.
    set: Option<OptionsJson>,
    /// The settings afterwards.
    after: Option<OptionsJson>,
    /// When a vanished peer is noticed with those.
    after_notices_in: Option<NoticeJson>,
}

/// The last line.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "protect_summary")]
pub(crate) struct ProtectSummaryJson {
    /// The deadline.
    within_ms: u64,
    /// Whether this was a rehearsal, or nothing had to be done.
    nothing_done: bool,
    /// Sockets that were changed and read back.
    changed: u64,
    /// Sockets that would be changed.
    would_change: u64,
    /// Sockets that were closed before their turn came.
    gone: u64,
    /// Sockets that were left as they were, by reason.
    failed: Vec<FailedJson>,
    /// The undo file; null: nothing was changed.
    undo_file: Option<String>,
    /// Why eBPF was not used, so that connections waiting to be accepted could not be changed; null: it was, or nothing was changed.
    without_ebpf_because: Option<String>,
}

/// Sockets that were left as they were.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FailedJson {
    /// How many.
    sockets: u64,
    /// Why.
    because: String,
}

/// What came of undoing.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "undone")]
pub(crate) struct UndoneJson {
    /// The undo file.
    file: String,
    /// Sockets that have their old values again.
    restored: u64,
    /// Sockets that had them already.
    unchanged: u64,
    /// Sockets that are gone.
    gone: u64,
    /// Sockets with an option that their program has set since; that one stays.
    overtaken: u64,
    /// Sockets with keepalive times of their own now, equal to those before, which may have come from a sysctl.
    own_now: u64,
    /// Sockets that could not be reached or were refused, by reason.
    failed: Vec<FailedJson>,
}

/// An undo file.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "undo_file")]
pub(crate) struct UndoFileJson {
    /// Its path.
    file: String,
    /// When it was begun, seconds since 1970.
    begun_unix_s: u64,
    /// The deadline; null: their options were only lent to the questions of `ping` or `kill`.
    within_ms: Option<u64>,
    /// How many sockets it knows.
    sockets: u64,
    /// Whether the machine was not restarted since: otherwise nothing of it is left.
    this_boot: bool,
    /// The number of the network namespace.
    network_namespace: u64,
}

/// What protects connections still to come.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "standing_protection")]
pub(crate) struct StandingJson {
    /// Its name, for --remove.
    name: String,
    /// The cgroup, by its path below the root; null: not known, or gone.
    cgroup: Option<String>,
    /// Whether it holds: not if its cgroup is gone or its making was interrupted.
    holds: bool,
    /// What it sets where a program's own settings are not as soon; null: can't be read.
    set: Option<OptionsJson>,
    /// Ends of connections that got something set; null: can't be read.
    protected: Option<u64>,
    /// Ends that were good enough.
    spared: Option<u64>,
    /// Ends on which the kernel refused an option.
    refused: Option<u64>,
}

/// A protection of connections still to come that was ended.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "removed_protection")]
pub(crate) struct RemovedJson {
    /// Its name.
    name: String,
}

/// Writes what is to be done with one part.
pub(super) fn part(aim: &Aim, part: &Part, out: &mut impl Write) -> Result<(), Stop> {
    let change = match part.fate {
        Fate::Judged(Step::Change(change)) => Some(change),
        Fate::Judged(_) | Fate::Unseen(_) | _ => None,
    };
    let (address, port) = match part.role {
        Role::Listening(address) => (Some(address.to_string()), address.port()),
        Role::Accepted(port) | Role::Outgoing(port) => (None, port),
        _ => (None, 0),
    };
    let process = part.process.as_ref();
    let json = ProtectPlanJson {
        process: process.map(|name| String::from_utf8_lossy(name).into_owned()),
        address,
        port,
        listeners: part.listeners,
        sockets: part.count,
        before: part.before.as_ref().map(OptionsJson::in_force),
        before_notices_in: part
            .before
            .as_ref()
            .and_then(|before| NoticeJson::of(worst(aim, part, before))),
        fate: match part.fate {
            Fate::Judged(Step::Fine) => "fine",
            Fate::Judged(Step::Change(_)) => "change",
            Fate::Judged(Step::KeptForApplication) => "kept-for-application",
            Fate::Judged(Step::Helpless | _) => "helpless",
            Fate::Unseen(_) | _ => "unseen",
        },
        unseen_because: match part.fate {
            Fate::Unseen(why) => Some(why.reason()),
            Fate::Judged(_) | _ => None,
        },
        own_choice: change.map(|change| change.own_choice),
        set: change.map(|change| OptionsJson::of(&change.options)),
        after: change.map(|change| OptionsJson::in_force(&change.after)),
        after_notices_in: change.and_then(|change| NoticeJson::of(worst(aim, part, &change.after))),
    };
    line(out, &json)
}

/// Writes what came of it.
pub(super) fn outcome(
    args: &ProtectArgs,
    done: &Outcome,
    undo: &UndoFile,
    blind: Option<&str>,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let failed = done.failed.iter().map(|(failure, count)| FailedJson {
        sockets: *count,
        because: failure_words(*failure),
    });
    let json = ProtectSummaryJson {
        within_ms: milliseconds(args.within.unwrap_or_default()),
        nothing_done: false,
        changed: done.changed,
        would_change: 0,
        gone: done.gone,
        failed: failed.collect(),
        undo_file: undo.is_written().then(|| text(undo.path())),
        without_ebpf_because: blind.map(str::to_owned),
    };
    line(out, &json)
}

/// Writes that nothing was done.
pub(super) fn rehearsed(
    args: &ProtectArgs,
    survey: &Survey,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let json = ProtectSummaryJson {
        within_ms: milliseconds(args.within.unwrap_or_default()),
        nothing_done: true,
        changed: 0,
        would_change: survey.changes() as u64,
        gone: 0,
        failed: Vec::new(),
        undo_file: None,
        without_ebpf_because: None,
    };
    line(out, &json)
}

/// Writes what came of undoing.
pub(super) fn restored(path: &Path, restored: &Restored, out: &mut impl Write) -> Result<(), Stop> {
    let unreachable = restored.unreachable.iter().map(|(why, count)| FailedJson {
        sockets: *count,
        because: why.reason().to_owned(),
    });
    let refused = (restored.refused > 0).then(|| FailedJson {
        sockets: restored.refused,
        because: "the kernel refused".to_owned(),
    });
    let json = UndoneJson {
        file: text(path),
        restored: restored.restored,
        unchanged: restored.unchanged,
        gone: restored.gone,
        overtaken: restored.overtaken,
        own_now: restored.own_now,
        failed: unreachable.chain(refused).collect(),
    };
    line(out, &json)
}

/// Writes an undo file.
pub(super) fn undo_file(
    file: &UndoFile,
    this_boot: bool,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let record = file.record();
    let json = UndoFileJson {
        file: text(file.path()),
        begun_unix_s: record.begun_unix_s,
        within_ms: record.within_ms,
        sockets: record.sockets() as u64,
        this_boot,
        network_namespace: record.network_namespace,
    };
    line(out, &json)
}

/// Writes a protection of connections still to come.
pub(super) fn standing(
    pinned: &Pinned,
    cgroup: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let json = StandingJson {
        name: pinned.name.clone(),
        cgroup: cgroup.map(text),
        holds: pinned.cgroup.is_some(),
        set: pinned.rule.map(|rule| OptionsJson::of(&rule.options)),
        protected: pinned.counts.map(|counts| counts.protected),
        spared: pinned.counts.map(|counts| counts.spared),
        refused: pinned.counts.map(|counts| counts.refused),
    };
    line(out, &json)
}

/// Writes that a protection was ended.
pub(super) fn removed(name: &str, out: &mut impl Write) -> Result<(), Stop> {
    line(
        out,
        &RemovedJson {
            name: name.to_owned(),
        },
    )
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
