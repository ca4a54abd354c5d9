//! What to type next.

use deadpeer_host::audit::{Machine, Tally, Wait};
use deadpeer_report::duration;
use deadpeer_report::sanitize::sanitize;

use super::Request;

/// The commands that help with what was found: for people who are told that something misses the
/// deadline, or hangs.
pub(super) fn commands(request: &Request, machine: &Machine) -> Vec<String> {
    let mut commands = Vec::new();
    if let Some(within) = request.within.filter(|_| machine.totals.late() > 0) {
        let within = duration::argument(within);
        let names = |is: fn(&Tally) -> bool| {
            let services = machine.services.iter();
            let late: Vec<_> = services.filter(|service| is(&service.value)).collect();
            let names = late.iter().map(|service| service.process.as_deref());
            (!late.is_empty()).then(|| filters(request, names))
        };
        // What its peer has closed, protect leaves alone: keepalive would end the connection, and
        // the program not hear of it.
        if let Some(filters) = names(|tally| tally.unclosed.late > 0 && tally.unclosed.count > 0) {
            let state = match filters.contains("--state ") {
                true => "",
                false => "--state close-wait ",
            };
            commands.push(format!(
                "deadpeer kill --silent-for 1m --force {state}{filters}"
            ));
        }
        // No setting helps where a retransmission is armed far ahead.
        if let Some(filters) = names(|tally| {
            let connections = &tally.connections;
            let helpless = tally.unclosed.late + connections.armed_ahead;
            connections.late > helpless || tally.late_listeners() > 0
        }) {
            commands.push(format!("deadpeer protect --within {within} {filters}"));
        }
    }
    let unanswered = |wait| match wait {
        Wait::Peer(awaited) => awaited.is_unanswered(),
        Wait::Program => false,
    };
    let mut gone = machine
        .hanging
        .iter()
        .filter(|hanging| unanswered(hanging.wait))
        .peekable();
    if gone.peek().is_some() {
        let filters = filters(request, gone.map(|hanging| hanging.process.as_deref()));
        commands.push(format!("deadpeer kill --unreachable {filters}"));
    }
    commands
}

/// As many names as a person types.
const MOST: usize = 3;

/// What was asked, or the programs that were found.
fn filters<'a>(request: &Request, processes: impl Iterator<Item = Option<&'a [u8]>>) -> String {
    let chosen = &request.chosen;
    let mut filters = match chosen.is_filtered() {
        true => chosen.words().into_owned(),
        false => named(processes),
    };
    if let Some(netns) = &chosen.netns {
        filters += &format!(" --netns {}", sanitize(netns));
    }
    filters
}

fn named<'a>(processes: impl Iterator<Item = Option<&'a [u8]>>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for process in processes {
        let typed = process.and_then(|name| std::str::from_utf8(name).ok());
        // What a shell would take for something else is better filtered by hand.
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+@%".contains(c);
        match typed.filter(|name| !name.is_empty() && name.chars().all(plain)) {
            Some(name) if names.contains(&name) => {}
            Some(name) if names.len() < MOST => names.push(name),
            Some(_) | None => return "--all".to_owned(),
        }
    }
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("--process {name}"))
        .collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_where_they_are_few_and_plain() {
        let all = |names: &[Option<&str>]| named(names.iter().map(|name| name.map(str::as_bytes)));
        assert_eq!(
            all(&[Some("nginx"), Some("redis-server"), Some("nginx")]),
            "--process nginx --process redis-server"
        );
        assert_eq!(all(&[Some("nginx"), None]), "--all");
        assert_eq!(all(&[Some("a b")]), "--all");
        assert_eq!(all(&["a", "b", "c", "d"].map(Some)), "--all");
    }
}
