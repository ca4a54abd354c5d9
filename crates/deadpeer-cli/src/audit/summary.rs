//! The last line: how many, how many too late, and what that means for the exit code.

use std::io::Write;

use deadpeer_host::audit::{Machine, Totals};
use deadpeer_report::duration;
use deadpeer_report::plural::plural;

use super::{Request, next};
use crate::exit::Stop;
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;

/// Writes the totals.
pub(super) fn write(
    request: &Request,
    machine: &Machine,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let totals = &machine.totals;
    let mut say = |style, text: &str| paragraph(out, look, style, "", "", text);
    for text in besides(totals, request) {
        say(style::BAD, &text)?;
    }
    let (text, style) = match request.within {
        _ if totals.is_empty() => (request.chosen.nothing(), style::NOTE),
        None => (format!("{}.", seen(totals)), style::PLAIN),
        Some(within) => {
            let within = duration::typed(within);
            match totals.late() {
                0 if totals.undecided == 0 => (
                    format!(
                        "All of {} would notice a vanished peer within {within}.",
                        seen(totals)
                    ),
                    style::GOOD,
                ),
                0 => (
                    format!(
                        "Of {}, {} may or may not notice a vanished peer within {within}: {}.",
                        seen(totals),
                        totals.undecided,
                        why(totals)
                    ),
                    style::NOTE,
                ),
                _ => (late(totals, &within), style::BAD),
            }
        }
    };
    say(style, &text)?;
    if let Some(text) = not_shown(machine) {
        say(style::NOTE, &text)?;
    }
    for command in next::commands(request, machine) {
        say(style::PLAIN, &format!("Next: {command}"))?;
    }
    Ok(())
}

/// What is not known of late listeners, none of whose connections was seen.
fn not_shown(machine: &Machine) -> Option<String> {
    let services = machine.services.iter();
    let alone = services.filter(|service| service.value.nothing_accepted);
    let listeners = alone.map(|service| service.value.late_listeners()).sum();
    let what = match listeners {
        0 => return None,
        1 => "its program supervises what it accepts, or sets options of its own,",
        _ => "their programs supervise what they accept, or set options of their own,",
    };
    let of = plural(listeners, "listener");
    Some(format!(
        "For {of} no open connection was seen: whether {what} is not known."
    ))
}

/// What misses something else than the deadline.
fn besides(totals: &Totals, request: &Request) -> Vec<String> {
    let verb = |count: u64, one: &str, many: &str| match count {
        1 => format!("1 of {} {one}", all(totals)),
        _ => format!("{count} of {} {many}", all(totals)),
    };
    let mut besides = Vec::new();
    if request.survive_lost > 0 && totals.fragile > 0 {
        let lost = plural(request.survive_lost.into(), "lost probe");
        besides.push(format!(
            "{} survive {lost} in a row.",
            verb(totals.fragile, "does not", "do not")
        ));
    }
    if let Some(limit) = request.middlebox.filter(|_| totals.forgotten > 0) {
        besides.push(format!(
            "{} within {}, unless there is traffic.",
            verb(
                totals.forgotten,
                "is forgotten by the middlebox",
                "are forgotten by the middlebox"
            ),
            duration::typed(limit)
        ));
    }
    besides
}

/// Why it is not known whether the deadline is kept.
fn why(totals: &Totals) -> String {
    let mut reasons = Vec::new();
    if totals.supervised > 0 {
        reasons.push("their programs supervise them (deadpeer), and decide");
    }
    if totals.own_timeouts > 0 {
        reasons.push("their programs end them in time themselves, by their configuration");
    }
    if totals.undecided > totals.supervised + totals.own_timeouts {
        reasons.push("not enough could be seen");
    }
    reasons.join(", or ")
}

fn late(totals: &Totals, within: &str) -> String {
    let part = |late: u64, all: u64, noun: &str| {
        (late > 0).then(|| format!("{late} of {}", plural(all, noun)))
    };
    let parts: Vec<String> = [
        part(totals.late_connections, totals.connections, "connection"),
        part(totals.late_listeners, totals.listeners, "listener"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut text = format!(
        "{} would not notice a vanished peer within {within}",
        parts.join(" and ")
    );
    if totals.undecided > 0 {
        text += &format!(
            "; {} more may or may not: {}",
            totals.undecided,
            why(totals)
        );
    }
    text + "."
}

/// Connections and listeners together.
fn all(totals: &Totals) -> String {
    match (totals.connections, totals.listeners) {
        (connections, 0) => plural(connections, "connection"),
        (0, listeners) => plural(listeners, "listener"),
        (connections, listeners) => format!("{} ({})", connections + listeners, seen(totals)),
    }
}

fn seen(totals: &Totals) -> String {
    let connections = plural(totals.connections, "connection");
    format!("{connections} and {}", plural(totals.listeners, "listener"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_listeners_are_counted_together() {
        let mut totals = Totals::default();
        (totals.connections, totals.listeners) = (1, 2);
        assert_eq!(all(&totals), "3 (1 connection and 2 listeners)");
        totals.listeners = 0;
        assert_eq!(all(&totals), "1 connection");
    }

    #[test]
    fn only_what_is_late_is_counted_in_the_sentence() {
        let mut totals = Totals::default();
        (totals.connections, totals.late_connections) = (12, 3);
        totals.listeners = 2;
        assert_eq!(
            late(&totals, "30s"),
            "3 of 12 connections would not notice a vanished peer within 30s."
        );
        totals.late_listeners = 1;
        totals.undecided = 4;
        assert_eq!(
            late(&totals, "30s"),
            "3 of 12 connections and 1 of 2 listeners would not notice a vanished peer within 30s; \
             4 more may or may not: not enough could be seen."
        );
    }
}
