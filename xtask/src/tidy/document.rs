//! ARCHITECTURE.md names what is there, and its invariants say what checks them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use ignore::WalkBuilder;

use super::Finding;

const NAME: &str = "ARCHITECTURE.md";

/// A line and what is wrong there.
type Fault = (usize, String);

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let text = std::fs::read_to_string(root.join(NAME))?;
    let mut faults = lost_paths(root, &text)?;
    faults.extend(lost_modules(root, &text)?);
    faults.extend(unchecked_invariants(&text));
    let findings = faults.into_iter().map(|(line, what)| Finding {
        path: root.join(NAME),
        line,
        what,
    });
    Ok(findings.collect())
}

/// Paths that are neither in the repository, nor in a crate, nor among a crate's sources.
fn lost_paths(root: &Path, text: &str) -> Result<Vec<Fault>> {
    let mut bases = vec![root.to_owned()];
    for folder in std::fs::read_dir(root.join("crates"))? {
        let folder = folder?.path();
        bases.extend([folder.join("src"), folder]);
    }
    let is_path = |name: &str| name.contains('/') && !name.contains([' ', '*', ':', '{', '<']);
    let is_there = |name: &str| bases.iter().any(|base| base.join(name).exists());
    let lost = quoted(text).filter(|(_, name)| is_path(name) && !is_there(name));
    Ok(lost
        .map(|(line, name)| (line, format!("there is no {name}")))
        .collect())
}

/// Modules in the code map that their crate does not have.
fn lost_modules(root: &Path, text: &str) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", folder, _kind, what, ""] = cells[..] else {
            continue;
        };
        let folder = folder.trim_matches('`');
        if !root.join(folder).join("Cargo.toml").exists() {
            continue;
        }
        let stems = stems(&root.join(folder))?;
        let is_module = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let named = quoted(what).map(|(_, name)| name);
        for name in named.filter(|name| is_module(name) && !stems.contains(*name)) {
            faults.push((index + 1, format!("{folder} has no {name}")));
        }
    }
    Ok(faults)
}

/// The names of a crate's files and folders.
fn stems(folder: &Path) -> Result<BTreeSet<String>> {
    let mut stems = BTreeSet::new();
    for entry in WalkBuilder::new(folder).build() {
        let entry = entry?;
        if let Some(stem) = entry.path().file_stem() {
            stems.insert(stem.to_string_lossy().into_owned());
        }
    }
    Ok(stems)
}

/// Promises that nothing keeps.
fn unchecked_invariants(text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut line = 1;
    for paragraph in text.split("\n\n") {
        let promises = paragraph.starts_with("**Architecture Invariant:**");
        if promises && !paragraph.contains("Checked:") {
            let what = "an invariant says what checks it, or is a house rule";
            faults.push((line, what.to_owned()));
        }
        line += paragraph.lines().count() + 1;
    }
    faults
}

/// What stands between backquotes, with its line.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        let pieces = line.split('`').skip(1).step_by(2);
        pieces.map(move |piece| (index + 1, piece))
    })
}
