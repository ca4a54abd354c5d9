//! The last line: how many, how many too late, and what that means for the exit code.

use super::Audit;
use super::json::SummaryJson;
use super::judge::{Basis, Judged};
use super::tally::Tally;
use crate::exit::{Exit, Stop};
use crate::json::line;
use crate::text::paragraph::paragraph;
use crate::text::plural::plural;
use crate::text::style;
use crate::text::{duration, sanitize::sanitize};
use deadpeer_host::{ReadBy, Unreadable};
use std::collections::BTreeMap;
use std::io::Write;

/// Counts over everything that was looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    pub(super) connections: u64,
    pub(super) listeners: u64,
    pub(super) late_connections: u64,
    pub(super) late_listeners: u64,
    /// Neither known to be late nor known to be in time.
    pub(super) open: u64,
    /// Connections whose settings could not be read, by reason and user.
    pub(super) unread: BTreeMap<(Unreadable, u32), u64>,
}

impl Summary {
    /// Notes why a socket's settings are unknown.
    pub(super) fn add(&mut self, judged: &Judged, uid: u32) {
        if let Basis::Unread(Some(why)) = judged.basis {
            *self.unread.entry((why, uid)).or_default() += 1;
        }
    }

    /// Counts a service.
    pub(super) fn add_service(&mut self, tally: &Tally) {
        self.connections += tally.connections.count;
        self.listeners += tally.listeners.count;
        self.late_connections += tally.connections.late;
        self.late_listeners += tally.late_listeners();
        self.open += tally.connections.open + tally.listeners.open;
    }

    /// Whether anything was looked at.
    fn is_empty(&self) -> bool {
        self.connections + self.listeners == 0
    }

    /// The answer for scripts. `whole`: nothing that was meant was left out.
    pub(super) fn exit(&self, deadline: bool, filtered: bool, whole: bool) -> Exit {
        match () {
            () if !deadline => Exit::Fine,
            () if self.late_connections + self.late_listeners > 0 => Exit::Over,
            () if self.open > 0 || !whole || self.is_empty() && filtered => Exit::Unknown,
            () => Exit::Fine,
        }
    }
}

/// Writes the summary.
pub(super) fn write(
    audit: &Audit<'_>,
    summary: &Summary,
    read_by: Option<ReadBy>,
    out: &mut impl Write,
) -> Result<(), Stop> {
    if audit.args.json {
        return line(out, &SummaryJson::of(audit, summary, read_by));
    }
    let (text, style) = match audit.judge.within {
        _ if summary.is_empty() => (nothing(audit), style::NOTE),
        None => (format!("{}.", seen(summary)), style::PLAIN),
        Some(within) => {
            let within = duration::typed(within);
            match summary.late_connections + summary.late_listeners {
                0 if summary.open == 0 => (
                    format!(
                        "All of {} would notice a vanished peer within {within}.",
                        seen(summary)
                    ),
                    style::GOOD,
                ),
                0 => (
                    format!(
                        "Of {}, {} may or may not notice a vanished peer within {within}: not enough could be seen.",
                        seen(summary),
                        summary.open
                    ),
                    style::NOTE,
                ),
                _ => (late(summary, &within), style::BAD),
            }
        }
    };
    Ok(paragraph(out, audit.look, style, "", "", &text)?)
}

fn nothing(audit: &Audit<'_>) -> String {
    let filters = audit.args.filters.to_string();
    match filters.is_empty() {
        true => "There is no TCP connection and no listener in this network namespace.".into(),
        false => format!(
            "No connection and no listener matches {}.",
            sanitize(&filters)
        ),
    }
}

fn late(summary: &Summary, within: &str) -> String {
    let part = |late: u64, all: u64, noun: &str| {
        (late > 0).then(|| format!("{late} of {}", plural(all, noun)))
    };
    let parts: Vec<String> = [
        part(summary.late_connections, summary.connections, "connection"),
        part(summary.late_listeners, summary.listeners, "listener"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut text = format!(
        "{} would not notice a vanished peer within {within}",
        parts.join(" and ")
    );
    if summary.open > 0 {
        text += &format!(
            "; {} more may or may not: not enough could be seen",
            summary.open
        );
    }
    text + "."
}

fn seen(summary: &Summary) -> String {
    let connections = plural(summary.connections, "connection");
    format!(
        "{connections} and {}",
        plural(summary.listeners, "listener")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_follows_what_is_known() {
        let nothing = Summary::default();
        let fine = Summary {
            connections: 3,
            ..Summary::default()
        };
        let open = Summary {
            open: 1,
            ..fine.clone()
        };
        let late = Summary {
            late_connections: 1,
            ..open.clone()
        };
        let late_listener = Summary {
            listeners: 1,
            late_listeners: 1,
            ..Summary::default()
        };
        for (summary, filtered, exit) in [
            (&nothing, false, Exit::Fine),
            (&nothing, true, Exit::Unknown),
            (&fine, true, Exit::Fine),
            (&open, false, Exit::Unknown),
            (&late, false, Exit::Over),
            (&late_listener, false, Exit::Over),
        ] {
            assert_eq!(summary.exit(true, filtered, true), exit, "{summary:?}");
            let without_deadline = summary.exit(false, filtered, true);
            assert_eq!(without_deadline, Exit::Fine, "{summary:?}");
        }
        assert_eq!(fine.exit(true, true, false), Exit::Unknown);
        assert_eq!(late.exit(true, true, false), Exit::Over);
    }

    #[test]
    fn only_what_is_late_is_counted_in_the_sentence() {
        let mut summary = Summary {
            connections: 12,
            late_connections: 3,
            listeners: 2,
            ..Summary::default()
        };
        assert_eq!(
            late(&summary, "30s"),
            "3 of 12 connections would not notice a vanished peer within 30s."
        );
        summary.late_listeners = 1;
        summary.open = 4;
        assert_eq!(
            late(&summary, "30s"),
            "3 of 12 connections and 1 of 2 listeners would not notice a vanished peer within 30s; \
             4 more may or may not: not enough could be seen."
        );
    }
}
