//! Connections still to come: a rule that holds in a cgroup until it is removed.

use super::args::ProtectArgs;
use super::change::within;
use super::plan;
use crate::confirm::Consent;
use crate::exit::{Exit, Stop};
use crate::json::line;
use crate::text::paragraph::paragraph;
use crate::text::sanitize::sanitize;
use crate::text::style;
use crate::text::table::Look;
use deadpeer_host::protect::new_connections::{
    NewConnectionsError, Standing, protect, rule, standing,
};
use deadpeer_report::record::{RemovedProtection, StandingProtection};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Makes the rule.
pub(super) fn run(args: &ProtectArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    let cgroup = cgroup(args)?;
    let consent = Consent::of(args.dry_run, args.yes)?;
    let kernel = deadpeer_sys::running_kernel().map_err(|error| Stop::from_error(&error))?;
    let aim = match args.aim(&kernel) {
        Ok(aim) => aim,
        Err(refusal) => return plan::refused(args, &refusal, look, out),
    };
    let rule = rule(aim.plan(), args.keep_app_settings);
    let name = name(&cgroup);
    let place = sanitize(&cgroup.display().to_string()).into_owned();
    if !args.json {
        let said = format!(
            "Connections that begin in cgroup {place} from now on: {}. What a program sets itself stays if it is as soon.",
            aim.plan()
        );
        paragraph(out, look, style::PLAIN, "", "", &said)?;
    }
    out.flush()?;
    if !consent.to(&format!(
        "Protect connections still to come in cgroup {place}?"
    ))? {
        if !args.json {
            paragraph(out, look, style::PLAIN, "", "", "Nothing was changed.")?;
        }
        return Ok(match consent {
            Consent::Rehearse => Exit::Fine,
            Consent::Given | Consent::Ask => Exit::Over,
        });
    }
    let standing = protect(&cgroup, &rule, &name).map_err(|error| refused(&error))?;
    match args.json {
        true => line(out, &StandingProtection::from(&standing))?,
        false => {
            let said = format!(
                "They notice a vanished peer within {} from their first packet on. Open ones are as they were: run this without --new-connections, too. To end it: deadpeer protect --remove {name}",
                within(args)
            );
            paragraph(out, look, style::GOOD, "", "", &said)?;
        }
    }
    Ok(Exit::Fine)
}

/// Ends one rule, or all.
pub(super) fn remove(
    args: &ProtectArgs,
    name: &str,
    look: Look,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let all = standing().map_err(|error| Stop::from_error(&error))?;
    let meant: Vec<&Standing> = all
        .iter()
        .filter(|standing| name == "all" || standing.pinned.name == name)
        .collect();
    if meant.is_empty() && name != "all" {
        return Err(Stop::because(format!(
            "nothing called {name} protects connections still to come (see 'deadpeer protect --list')"
        )));
    }
    for standing in &meant {
        let pinned = &standing.pinned;
        pinned.remove().map_err(|error| Stop::from_error(&error))?;
        let said = format!(
            "{} is ended. Connections that it set options on keep them.",
            sanitize(&pinned.name)
        );
        match args.json {
            true => line(
                out,
                &RemovedProtection {
                    name: pinned.name.clone(),
                },
            )?,
            false => paragraph(out, look, style::PLAIN, "", "", &said)?,
        }
    }
    if meant.is_empty() && !args.json {
        let said = "Nothing protects connections still to come.";
        paragraph(out, look, style::PLAIN, "", "", said)?;
    }
    Ok(Exit::Fine)
}

/// A rule holds in a cgroup: which ports and processes connections still to come will have, nobody knows.
fn cgroup(args: &ProtectArgs) -> Result<PathBuf, Stop> {
    match (args.filters.is_all(), args.filters.only_cgroup()) {
        (true, _) => Ok(PathBuf::from("/")),
        (false, Some(path)) => Ok(below_root(path)),
        (false, None) => Err(Stop::because(
            "--new-connections takes a single --cgroup, or --all for the whole machine, and no other filter: connections still to come have neither port nor process yet (nothing was changed)",
        )),
    }
}

/// The path below the root of cgroup v2, however it was typed.
fn below_root(path: &str) -> PathBuf {
    let bare = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .iter()
        .find_map(|root| path.strip_prefix(root))
        .unwrap_or(path);
    Path::new("/").join(bare.trim_start_matches('/'))
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
    match Stop::from_error(error) {
        Stop::Failed(why) => Stop::because(format!("{why} (nothing was changed)")),
        stop @ Stop::PipeClosed => stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_may_be_typed_in_many_ways() {
        for typed in [
            "system.slice/nginx.service",
            "/system.slice/nginx.service",
            "/sys/fs/cgroup/system.slice/nginx.service",
            "/sys/fs/cgroup/unified/system.slice/nginx.service",
        ] {
            let path = below_root(typed);
            assert_eq!(path, Path::new("/system.slice/nginx.service"), "{typed}");
            assert_eq!(name(&path), "system-slice-nginx-service");
        }
        assert_eq!(name(Path::new("/")), "machine");
    }
}
