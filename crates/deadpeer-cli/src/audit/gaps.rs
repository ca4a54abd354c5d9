//! What could not be seen, why, and what to do about it.

use super::Audit;
use super::json::WarningJson;
use crate::exit::Stop;
use crate::json::line;
use crate::text::paragraph::paragraph;
use crate::text::plural::{plural, plural_of};
use crate::text::sanitize::sanitize;
use crate::text::style;
use crate::text::table::Look;
use anstyle::Style;
use deadpeer_host::audit::Machine;
use deadpeer_host::{BpfError, Coverage, Unreadable};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// One gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// A word for programs.
    pub(crate) code: &'static str,
    /// How many connections it concerns, where that can be told.
    pub(crate) count: Option<u64>,
    /// A sentence for people.
    pub(crate) text: String,
}

impl Gap {
    /// Writes it, as a remark or as JSON.
    pub(crate) fn say(&self, json: bool, look: Look, out: &mut impl Write) -> Result<(), Stop> {
        self.say_in(style::NOTE, json, look, out)
    }

    /// The same with a colour of its own.
    pub(crate) fn say_in(
        &self,
        style: Style,
        json: bool,
        look: Look,
        out: &mut impl Write,
    ) -> Result<(), Stop> {
        match json {
            true => line(out, &WarningJson::of(self)),
            false => Ok(paragraph(out, look, style, "", "  ", &self.text)?),
        }
    }
}

/// Writes every gap, or nothing.
pub(super) fn write(
    audit: &Audit<'_>,
    machine: &Machine,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let (coverage, unread) = (&machine.coverage, &machine.totals.unread);
    let root = rustix::process::geteuid().is_root();
    let gaps = gaps(unread, coverage, root);
    let unread = !unread.is_empty();
    for gap in gaps
        .into_iter()
        .chain(without_ebpf(coverage.no_ebpf.as_ref(), unread, root))
    {
        gap.say(audit.args.json, audit.look, out)?;
    }
    Ok(())
}

/// That the kernel itself would have told more, and why it was not asked. Who isn't root has been told the way out already.
fn without_ebpf(why: Option<&BpfError>, unread: bool, root: bool) -> Option<Gap> {
    let why = why.filter(|_| unread && root)?;
    Some(Gap {
        code: "no-ebpf",
        count: None,
        text: format!(
            "With eBPF they could be read: {}.",
            sanitize(&why.to_string())
        ),
    })
}

/// What is missing, of sockets whose settings could not be read, by reason and user, and of the table.
pub(crate) fn gaps(
    unread: &BTreeMap<(Unreadable, u32), u64>,
    coverage: &Coverage,
    root: bool,
) -> Vec<Gap> {
    let mut reasons: BTreeMap<Unreadable, (u64, BTreeSet<u32>)> = BTreeMap::new();
    for ((why, uid), count) in unread {
        let (total, users) = reasons.entry(*why).or_default();
        *total += count;
        users.insert(*uid);
    }
    let mut gaps: Vec<Gap> = reasons
        .into_iter()
        .map(|(why, (count, users))| Gap {
            code: "settings-unread",
            count: Some(count),
            text: format!(
                "The settings of {} could not be read: {}{}.",
                plural(count, "socket"),
                why.reason(),
                advice(why, &users, root)
            ),
        })
        .collect();
    gaps.extend(hidden(coverage, root));
    if coverage.interrupted {
        gaps.push(Gap {
            code: "dump-interrupted",
            count: None,
            text: format!(
                "The kernel's table changed while it was read, {} in a row: connections may be missing.",
                plural(u64::from(coverage.repeats) + 1, "time")
            ),
        });
    }
    if coverage.unknown_answers > 0 {
        gaps.push(Gap {
            code: "unknown-answers",
            count: Some(coverage.unknown_answers.into()),
            text: format!(
                "{} of the kernel could not be understood: it may be newer than this program.",
                plural(coverage.unknown_answers.into(), "answer")
            ),
        });
    }
    gaps
}

/// Processes that are meant, and whose connections can't be told from those of others.
pub(crate) fn hidden(coverage: &Coverage, root: bool) -> Option<Gap> {
    let count @ 1.. = coverage.hidden_processes.len() as u64 else {
        return None;
    };
    let way_out = match root {
        true => "it takes the capability CAP_SYS_PTRACE",
        false => "run as root",
    };
    Some(Gap {
        code: "owners-hidden",
        count: None,
        text: format!(
            "The descriptors of {} that {} meant may not be looked at, so connections of {} are left out; {way_out}.",
            plural_of(count, "process", "processes"),
            if count == 1 { "is" } else { "are" },
            if count == 1 { "it" } else { "theirs" },
        ),
    })
}

/// Says the same alone, where there is nothing else to say.
pub(crate) fn say_hidden(
    coverage: &Coverage,
    json: bool,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    match hidden(coverage, rustix::process::geteuid().is_root()) {
        Some(gap) => gap.say(json, look, out),
        None => Ok(()),
    }
}

/// What to do, as the rest of a sentence.
fn advice(why: Unreadable, users: &BTreeSet<u32>, root: bool) -> String {
    let users: Vec<String> = users.iter().map(|uid| user(*uid)).collect();
    match (why, root) {
        (Unreadable::NotPermitted, true) => {
            "; it takes the capability CAP_SYS_PTRACE, and no security module against it".into()
        }
        (Unreadable::NotPermitted | Unreadable::NoVisibleOwner, false) => match users.as_slice() {
            [user] if user != "root" => format!("; run as root or as user {user}"),
            [_] => "; run as root".into(),
            _ => format!(
                "; run as root, or as each of the users {}",
                users.join(", ")
            ),
        },
        (Unreadable::NoVisibleOwner, true) => {
            "; they belong to the kernel, to a process that takes CAP_SYS_PTRACE to look into, or to one outside this pid namespace".into()
        }
        (Unreadable::NoDescriptor, _) => {
            "; they wait in the queue of a listener whose settings are unknown too".into()
        }
        _ => String::new(),
    }
}

/// A user's name, or the number where there is none.
fn user(uid: u32) -> String {
    match nix::unistd::User::from_uid(uid.into()) {
        Ok(Some(user)) => sanitize(&user.name).into_owned(),
        Ok(None) | Err(_) => uid.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(unread: &[(Unreadable, u32, u64)], root: bool) -> Vec<String> {
        let unread = unread
            .iter()
            .map(|(why, uid, count)| ((*why, *uid), *count));
        let gaps = gaps(&unread.collect(), &Coverage::default(), root);
        gaps.into_iter().map(|gap| gap.text).collect()
    }

    #[test]
    fn no_gap_no_word() {
        assert_eq!(said(&[], false), [""; 0]);
    }

    #[test]
    fn the_way_out_is_named() {
        assert_eq!(
            said(&[(Unreadable::NoVisibleOwner, 0, 3)], false),
            ["The settings of 3 sockets could not be read: owner not visible; run as root."]
        );
        assert_eq!(
            said(&[(Unreadable::NotPermitted, 4_000_000_001, 1)], false),
            [
                "The settings of 1 socket could not be read: not permitted; run as root or as user 4000000001."
            ]
        );
        let several = said(
            &[
                (Unreadable::NotPermitted, 0, 1),
                (Unreadable::NotPermitted, 4_000_000_001, 1),
            ],
            false,
        );
        assert!(
            several[0].contains("each of the users root, 4000000001"),
            "{several:?}"
        );
    }

    #[test]
    fn root_is_not_told_to_run_as_root() {
        for why in [Unreadable::NotPermitted, Unreadable::NoVisibleOwner] {
            let said = said(&[(why, 0, 1)], true);
            assert!(!said[0].contains("run as root"), "{said:?}");
        }
    }

    #[test]
    fn what_ebpf_would_have_shown_is_said_where_something_is_missing() {
        let why = Some(&BpfError::UnknownClock);
        let gap = without_ebpf(why, true, true).expect("a gap");
        let said = "With eBPF they could be read: the kernel's clock rate is not known.";
        assert_eq!(gap.text, said);
        assert_eq!(without_ebpf(why, false, true), None);
        assert_eq!(without_ebpf(why, true, false), None);
        assert_eq!(without_ebpf(None, true, true), None);
    }

    #[test]
    fn who_is_meant_and_cannot_be_looked_into_is_no_nobody() {
        let mut coverage = Coverage::default();
        assert_eq!(hidden(&coverage, false), None);
        coverage.hidden_processes = vec![7];
        let gap = hidden(&coverage, false).expect("a gap");
        assert_eq!(
            gap.text,
            "The descriptors of 1 process that is meant may not be looked at, so connections of it are left out; run as root."
        );
        coverage.hidden_processes.push(8);
        let gap = hidden(&coverage, true).expect("a gap");
        assert!(gap.text.ends_with("CAP_SYS_PTRACE."), "{}", gap.text);
    }

    #[test]
    fn a_dump_that_was_interrupted_is_owned_up_to() {
        let mut coverage = Coverage::default();
        coverage.interrupted = true;
        coverage.repeats = 3;
        let gaps = gaps(&BTreeMap::new(), &coverage, true);
        assert_eq!(gaps[0].code, "dump-interrupted");
        assert!(gaps[0].text.contains("4 times in a row"), "{gaps:?}");
    }
}
