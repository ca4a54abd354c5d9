//! Connections still to come: a rule that holds in a cgroup until it is removed.

use std::io::Write;
use std::path::Path;

use deadpeer_host::Namespace;
use deadpeer_host::protect::made_elsewhere;
use deadpeer_host::protect::new_connections::{
    NewConnectionsError, Rule, Standing, protect, rule, standing,
};
use deadpeer_report::Gap;
use deadpeer_report::record::{RemovedProtection, StandingProtection};
use deadpeer_report::sanitize::sanitize;

use super::plan;
use super::request::NewConnections;
use crate::alone::alone;
use crate::confirm::Consent;
use crate::exit::{Exit, Stop, sentence_of};
use crate::gaps;
use crate::output::Output;
use crate::text::style;

/// Makes the rule.
pub(super) fn run(
    request: &NewConnections,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let cgroup = &request.cgroup;
    let kernel = deadpeer_sys::running_kernel()?;
    let aim = match request.goal.aim(&kernel) {
        Ok(aim) => aim,
        Err(refusal) => return plan::refused(&refusal, false, output, out),
    };
    let rule = rule(&aim, request.goal.keep_app_settings);
    let name = name(cgroup);
    let place = sanitize(&cgroup.display().to_string()).into_owned();
    let said = format!(
        "New connections in cgroup {place}: {}. What a program sets itself, now or later, stays if it notices in time and survives lost probes.",
        aim.plan()
    );
    output.say(out, style::PLAIN, &said)?;
    let elsewhere = elsewhere(request, &rule)?;
    let exit = match elsewhere.as_slice() {
        [] => Exit::Yes,
        [Gap::OwnersHidden { .. }] => Exit::Unknown,
        _ => Exit::No,
    };
    output.gaps(out, elsewhere)?;
    out.flush()?;
    let question = format!("Protect future connections in cgroup {place}?");
    if !request.consent.to(&question)? {
        output.say(out, style::PLAIN, "Nothing was changed.")?;
        return Ok(match request.consent {
            Consent::Rehearse => exit,
            Consent::Given | Consent::Ask => Exit::No,
        });
    }
    let _alone = alone(&Namespace::Own)?;
    let standing = protect(cgroup, &rule, &name).map_err(|error| refused(&error))?;
    let said = || {
        format!(
            "They notice a vanished peer within {} from their first packet on. Open connections are unchanged: for those, run this without --new-connections, too. To end it: deadpeer protect --remove {name}",
            request.goal.within()
        )
    };
    let record = || StandingProtection::from(&standing);
    output.tell(out, record, style::GOOD, said)?;
    Ok(exit)
}

/// Listeners of its programs that the rule does not hold for.
fn elsewhere(request: &NewConnections, rule: &Rule) -> Result<Vec<Gap>, Stop> {
    // Whoever may make no rule hears of that.
    let standing = standing().unwrap_or_default();
    let found = made_elsewhere(&request.cgroup, rule, &standing)?;
    let gaps = found
        .listeners
        .into_iter()
        .map(|listener| Gap::MadeElsewhere {
            process: String::from_utf8_lossy(&listener.process).into_owned(),
            listener: listener.listener,
            cgroup: listener.cgroup.map(|path| path.display().to_string()),
            within: request.goal.within().to_string(),
        });
    let hidden = (found.hidden_processes > 0).then(|| Gap::OwnersHidden {
        processes: found.hidden_processes,
        privilege: gaps::privilege(),
    });
    Ok(gaps.chain(hidden).collect())
}

/// Ends one rule, or all.
pub(super) fn remove(name: &str, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let all = standing()?;
    let meant: Vec<&Standing> = all
        .iter()
        .filter(|standing| name == "all" || standing.pinned.name == name)
        .collect();
    if meant.is_empty() && name != "all" {
        return Err(Stop::because(format!(
            "there is no protection of future connections called {name} (see 'deadpeer protect --list')"
        )));
    }
    for standing in &meant {
        let pinned = &standing.pinned;
        pinned.remove()?;
        let record = || RemovedProtection {
            name: pinned.name.clone(),
        };
        let said = || {
            format!(
                "{} has ended. Connections keep the options that it set.",
                sanitize(&pinned.name)
            )
        };
        output.tell(out, record, style::PLAIN, said)?;
    }
    if meant.is_empty() {
        let said = "No future connections are protected.";
        output.say(out, style::PLAIN, said)?;
    }
    Ok(Exit::Yes)
}

/// What a BPF file system takes for a name.
fn name(cgroup: &Path) -> String {
    let path = cgroup.to_string_lossy();
    let plain: String = path
        .trim_matches('/')
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    match plain.is_empty() {
        true => "machine".to_owned(),
        false => plain,
    }
}

fn refused(error: &NewConnectionsError) -> Stop {
    Stop::because(format!("{} (nothing was changed)", sentence_of(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_after_its_cgroup() {
        let named = |path| name(Path::new(path));
        assert_eq!(
            named("/system.slice/nginx.service"),
            "system-slice-nginx-service"
        );
        assert_eq!(named("/"), "machine");
    }
}
