//! The plan of the house: every crate, what it may use, and what it may do.
//!
//! ARCHITECTURE.md is the plan. Its code map says of each crate which kind it is, its arrows which
//! others a crate may use; only who may print or contain `unsafe` code is said here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// A crate of the workspace.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: String,
    /// The crates of this workspace that it may depend on.
    pub(super) uses: Uses,
    /// Names no descriptor, no clock, no thread, no file: `now` is a parameter.
    pub(super) pure: bool,
    /// Somebody installs it: it is no tool of this repository.
    pub(super) ships: bool,
    /// May contain `unsafe` code.
    pub(super) may_be_unsafe: bool,
    /// May print and exit.
    pub(super) may_print: bool,
}

#[derive(Debug)]
pub(super) enum Uses {
    Only(BTreeSet<String>),
    All,
}

/// Tests of any crate may use the lab, and what the kernel crate has for tests.
pub(super) const TESTS_MAY_USE: [&str; 2] = ["deadpeer-lab", "deadpeer-sys"];

/// Features that only tests have, and tools.
pub(super) const FOR_TESTS: [&str; 2] = ["faults", "testing"];

/// What reaches the operating system, so no pure crate uses it.
pub(super) const IMPURE: &[&str] = &[
    "libc",
    "nix",
    "rustix",
    "socket2",
    "mio",
    "tokio",
    "async-std",
    "smol",
];

/// What reaches the kernel beside rustix, and who uses it where rustix has no such call. Tests may.
pub(super) const BESIDE_RUSTIX: [(&str, &[&str]); 3] = [
    ("libc", &["deadpeer-sys", "deadpeer-bpf"]),
    // The user database, and getrusage(2).
    ("nix", &["deadpeer-host", "deadpeer-bench"]),
    ("socket2", &[]),
];

/// Where `unsafe` code may stand.
const MAY_BE_UNSAFE: [&str; 3] = ["deadpeer-sys", "deadpeer-bpf", "deadpeer-c"];

/// Programs: they may print and exit.
const MAY_PRINT: [&str; 4] = [
    "deadpeer-bench",
    "deadpeer-cli",
    "deadpeer-examples",
    "xtask",
];

/// Every crate of the plan.
#[derive(Debug)]
pub(super) struct House {
    rooms: BTreeMap<String, Room>,
}

impl House {
    /// The plan in the ARCHITECTURE.md at `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join("ARCHITECTURE.md");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        let house = Self::parse(&text).with_context(|| path.display().to_string())?;
        Ok(house)
    }

    /// The room of a crate, or `None` for a crate that the plan doesn't have.
    pub(super) fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.get(name)
    }

    fn parse(text: &str) -> Result<Self> {
        let kinds = kinds(text);
        let arrows = arrows(text);
        ensure!(!arrows.is_empty(), "no block of arrows below '## Arrows'");
        let mut rooms = BTreeMap::new();
        for (name, uses) in arrows {
            let kind = kinds.get(&name).with_context(|| {
                format!("{name} has arrows, and no line in the code map that says its kind")
            })?;
            let room = Room {
                uses,
                pure: *kind == "pure",
                ships: *kind != "tool",
                may_be_unsafe: MAY_BE_UNSAFE.contains(&name.as_str()),
                may_print: MAY_PRINT.contains(&name.as_str()),
                name: name.clone(),
            };
            rooms.insert(name, room);
        }
        if let Some(name) = kinds.keys().find(|name| !rooms.contains_key(*name)) {
            anyhow::bail!("{name} is in the code map and has no arrows");
        }
        Ok(Self { rooms })
    }
}

/// The code map: `` | `crates/deadpeer-core` | pure | what lives there | ``.
fn kinds(text: &str) -> BTreeMap<String, &str> {
    let rows = section(text, "## Code map").filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let folder = cells.next()?.trim_end_matches('`');
        let name = full_name(folder.trim_start_matches("crates/"));
        Some((name, cells.next()?))
    });
    rows.filter(|(name, _)| name != OUTSIDE).collect()
}

/// The arrows: `deadpeer-host -> core, sys`.
fn arrows(text: &str) -> Vec<(String, Uses)> {
    let lines = section(text, "## Arrows").filter_map(|line| line.split_once("->"));
    let arrows = lines.map(|(from, to)| {
        let uses = match to.trim() {
            "all" => Uses::All,
            "nothing" => Uses::Only(BTreeSet::new()),
            names => Uses::Only(
                names
                    .split(',')
                    .map(|name| full_name(name.trim()))
                    .collect(),
            ),
        };
        (full_name(from.trim()), uses)
    });
    arrows.collect()
}

/// The lines below a heading, up to the next.
fn section<'t>(text: &'t str, heading: &str) -> impl Iterator<Item = &'t str> {
    let mut lines = text.lines();
    lines.by_ref().find(|line| *line == heading);
    lines.take_while(|line| !line.starts_with('#'))
}

/// No member of the workspace: it needs another compiler.
const OUTSIDE: &str = "deadpeer-fuzz";

/// The package that the document calls `core`, `deadpeer-core` or `xtask`.
fn full_name(short: &str) -> String {
    match short {
        "xtask" => short.to_owned(),
        _ if short == "deadpeer" || short.starts_with("deadpeer-") => short.to_owned(),
        _ => format!("deadpeer-{short}"),
    }
}
