//! The version of a running program, from its package: nothing foreign is executed to be asked.

use std::path::Path;

use deadpeer_recipes::Recipe;
use deadpeer_sys::files::Root;

/// Debian's list of packages is some megabytes long.
const LONGEST: u64 = 64 << 20;

/// The version of the Debian package that a process was started from; `None`: not from one, or not
/// known.
pub(super) fn of(pid: u32, recipe: &Recipe) -> Option<String> {
    let package = recipe.debian.as_deref()?;
    let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    // What was built here, or replaced since it was started, is in no list.
    let packaged = executable.starts_with("/usr") && !executable.starts_with("/usr/local");
    if !packaged || executable.to_string_lossy().ends_with(" (deleted)") {
        return None;
    }
    let root = Root::of(pid).ok()?;
    let list = root.read(Path::new("/var/lib/dpkg/status"), LONGEST).ok()?;
    in_list(&String::from_utf8_lossy(&list), package)
}

fn in_list(list: &str, package: &str) -> Option<String> {
    let mut paragraphs = list.split("\n\n");
    let named = paragraphs.find(|paragraph| {
        let mut lines = paragraph.lines();
        lines.next().and_then(|line| line.strip_prefix("Package: ")) == Some(package)
            && lines.any(|line| line == "Status: install ok installed")
    })?;
    let version = named
        .lines()
        .find_map(|line| line.strip_prefix("Version: "))?;
    // An epoch before, a revision behind.
    let upstream = version
        .split_once(':')
        .map_or(version, |(_, upstream)| upstream);
    let upstream = upstream
        .rsplit_once('-')
        .map_or(upstream, |(upstream, _)| upstream);
    Some(upstream.to_owned())
}

/// Whether a version is this one or later, by its leading numbers.
pub(super) fn at_least(version: &str, since: &str) -> bool {
    numbers(version) >= numbers(since)
}

fn numbers(version: &str) -> Vec<u32> {
    let parts = version.split('.');
    let numbers = parts.map(|part| {
        let end = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        part[..end].parse().unwrap_or(0)
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_list_of_packages() {
        let list = "Package: nginx-common\nStatus: install ok installed\nVersion: 9\n\n\
                    Package: nginx\nStatus: install ok installed\nVersion: 1:1.22.1-9+deb12u1\n\n\
                    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
        assert_eq!(in_list(list, "nginx").as_deref(), Some("1.22.1"));
        assert_eq!(in_list(list, "gone"), None);
        assert!(at_least("10.11.6", "10.3.3") && at_least("15+248", "12"));
        assert!(!at_least("10.2.44", "10.3.3"));
    }
}
