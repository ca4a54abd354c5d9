//! ARCHITECTURE.md names what is there, and its invariants say what checks them. CONTRIBUTING.md
//! names files that are there.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use ignore::WalkBuilder;

use super::{Finding, tokens};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const CONTRIBUTING: &str = "CONTRIBUTING.md";

/// A line and what is wrong there.
type Fault = (usize, String);

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let text = std::fs::read_to_string(root.join(ARCHITECTURE))?;
    let mut faults = lost_paths(root, &text)?;
    faults.extend(lost_modules(root, &text)?);
    faults.extend(lost_names(root, &text)?);
    faults.extend(unchecked_invariants(&text));
    let guide = std::fs::read_to_string(root.join(CONTRIBUTING)).unwrap_or_default();
    let of = |name: &str, faults: Vec<Fault>| {
        let path = root.join(name);
        let finding = move |(line, what)| Finding {
            path: path.clone(),
            line,
            what,
        };
        faults.into_iter().map(finding)
    };
    let findings = of(ARCHITECTURE, faults).chain(of(CONTRIBUTING, lost_paths(root, &guide)?));
    Ok(findings.collect())
}

/// Paths that are neither in the repository, nor in a crate, nor among a crate's sources. Those
/// that begin with a slash are of other machines.
fn lost_paths(root: &Path, text: &str) -> Result<Vec<Fault>> {
    let mut bases = vec![root.to_owned(), root.join("crates")];
    for folder in std::fs::read_dir(root.join("crates"))? {
        let folder = folder?.path();
        bases.extend([folder.join("src"), folder]);
    }
    let is_path = |name: &str| {
        name.contains('/') && !name.starts_with('/') && !name.contains([' ', '*', ':', '{', '<'])
    };
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

/// Names of types, and paths to something in them or in a module, that are nowhere in the sources.
fn lost_names(root: &Path, text: &str) -> Result<Vec<Fault>> {
    let known = names(root)?;
    let is_name = |name: &str| {
        let is_type = name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
        (is_type || name.contains("::"))
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || "_:".contains(c))
    };
    let is_known = |name: &str| name.split("::").all(|part| known.contains(part));
    let lost = quoted(text).filter(|(_, name)| is_name(name) && !is_known(name));
    Ok(lost
        .map(|(line, name)| (line, format!("no source has the name {name}")))
        .collect())
}

/// Every word of every source that is no comment.
fn names(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in WalkBuilder::new(root).build() {
        let path = entry?.into_path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path)?;
            names.extend(tokens::all(&source)?.into_iter().map(|token| token.text));
        }
    }
    Ok(names)
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

/// Promises that neither tidy nor anything with a name keeps.
fn unchecked_invariants(text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut line = 1;
    for paragraph in text.split("\n\n") {
        let promises = paragraph.starts_with("**Architecture Invariant:**");
        let (_, by) = paragraph.split_once("Checked:").unwrap_or_default();
        if promises && !by.contains("tidy") && !by.contains('`') {
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
