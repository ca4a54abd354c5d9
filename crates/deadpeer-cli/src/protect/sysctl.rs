//! The sysctl that goes with the options: what it changes for everybody in the network namespace,
//! and that it was set.

use std::io::Write;

use deadpeer_host::Table;
use deadpeer_host::protect::Aim;
use deadpeer_host::undo::{SysctlChange, SysctlFate};

use crate::exit::Stop;
use crate::output::Output;
use crate::plan::words::for_everybody;
use crate::text::style;

/// Shows what is to be set, if anything is.
pub(super) fn show(
    aim: &Aim,
    table: &Table,
    output: Output,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let (Some(change), Some(record)) = (aim.sysctl(), aim.to_sysctl_record()) else {
        return output.say(
            out,
            style::PLAIN,
            "No sysctl has to be set for this deadline.",
        );
    };
    let said = || {
        format!(
            "For everybody in network namespace net:[{}]: {}, now {}. It affects {}.",
            table.namespace(),
            to_set(&change),
            change.before,
            for_everybody(aim.plan(), aim.kernel()),
        )
    };
    output.tell(out, || record, style::NOTE, said)
}

/// What is to be set, for a question.
pub(super) fn to_set(change: &SysctlChange) -> String {
    format!("{} = {}", change.sysctl.name(), change.after)
}

/// What was set, for a list.
pub(super) fn was_set(change: &SysctlChange) -> String {
    format!("{} from {}", to_set(change), change.before)
}

/// What undoing came to.
pub(super) fn undone(change: &SysctlChange, fate: &SysctlFate) -> (anstyle::Style, String) {
    let SysctlChange {
        sysctl,
        before,
        after,
        ..
    } = change;
    let name = sysctl.name();
    match fate {
        SysctlFate::Restored => (style::GOOD, format!("{name} is {before} again.")),
        SysctlFate::Unchanged => (style::PLAIN, format!("{name} is {before} already.")),
        SysctlFate::Overtaken(now) => (
            style::NOTE,
            format!(
                "{name} is {now}, not {after} as it was set: somebody has changed it since, so it stays; before, it was {before}."
            ),
        ),
        SysctlFate::Failed(why) => (
            style::NOTE,
            format!("{name} was not restored to {before}: {why}."),
        ),
    }
}
