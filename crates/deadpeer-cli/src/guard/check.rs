//! Whether a configuration is right, and what it says.

use std::io::Write;

use deadpeer_guard::config::Policy;
use deadpeer_host::Selector;
use deadpeer_host::filter::Missing;
use deadpeer_report::duration;
use deadpeer_report::plural::plural_of;
use deadpeer_report::sanitize::sanitize;

use super::request::Request;
use crate::exit::{Exit, Stop};
use crate::output::Output;
use crate::text::style;

pub(super) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let config = request.load()?;
    let count = plural_of(config.policies.len() as u64, "policy", "policies");
    output.say(
        out,
        style::NOTE,
        &format!("The configuration is right: {count}."),
    )?;
    for policy in &config.policies {
        output.say(out, style::NOTE, &sentence(policy))?;
        let missing = lacks(&policy.selector)?;
        let closed = policy.netns.iter().filter_map(|way| {
            let why = way.open().err()?;
            Some(sanitize(&format!("netns {way}: {why}")).into_owned())
        });
        for missing in missing.into_iter().chain(closed) {
            output.say(out, style::NOTE, &format!("{}: {missing}", policy.name))?;
        }
    }
    // A slip there is a connection that is touched.
    for selector in &config.never {
        for missing in lacks(selector)? {
            output.say(out, style::NOTE, &format!("never: {missing}"))?;
        }
    }
    Ok(Exit::Yes)
}

/// What it names and is not there now.
fn lacks(selector: &Selector) -> Result<Vec<String>, Stop> {
    let missing = selector.resolve()?.missing;
    let said = |it: &Missing| format!("{}: {it}", named(it));
    Ok(missing.iter().map(said).collect())
}

/// By its key and its name.
fn named(missing: &Missing) -> String {
    let name = match missing {
        Missing::Process(pid) => format!("pid {pid}"),
        Missing::User(user) => format!("user {user}"),
        Missing::Cgroup(path) => format!("cgroup {}", path.display()),
        Missing::Container(container) => format!("container {container}"),
    };
    sanitize(&name).into_owned()
}

fn sentence(policy: &Policy) -> String {
    format!(
        "{}: within {}, protect {}, supervise {}, kill {} (at most {} a minute)",
        policy.name,
        duration::typed(policy.deadline()),
        policy.protect.name(),
        policy.supervise.name(),
        policy.kill.name(),
        policy.kills_per_minute,
    )
}
