//! `cargo xtask tidy`: tests of the repository itself.
//!
//! The house has rules that no compiler knows: which crate may use which, who may touch the outside
//! world, where `unsafe` may stand. ARCHITECTURE.md states them; this keeps them true.

mod arrows;
mod circles;
mod document;
mod house;
mod layout;
mod manifest;
mod modules;
mod prose;
mod source;
#[cfg(test)]
mod tests;
mod tokens;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cargo_metadata::{Metadata, MetadataCommand};
use deadpeer_workspace::root;

use house::House;
use modules::Product;

/// A rule broken at a place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: PathBuf,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.what)
    }
}

/// Prints what is untidy; `true` if nothing is.
pub(crate) fn run() -> Result<bool> {
    let findings = check(&root())?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy");
    }
    Ok(findings.is_empty())
}

/// Everything that breaks a rule in the workspace at `root`, with paths relative to it.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let metadata = metadata(root)?;
    let house = House::read(root)?;
    let mut findings = words::check(root)?;
    findings.extend(document::check(root)?);
    findings.extend(prose::check(root)?);
    for package in metadata.workspace_packages() {
        findings.extend(arrows::check(&house, package));
        findings.extend(manifest::check(package)?);
        let products = Product::of(package)?;
        findings.extend(source::check(&house, package, &products)?);
        findings.extend(circles::check(&products)?);
    }
    for finding in &mut findings {
        if let Ok(relative) = finding.path.strip_prefix(root) {
            finding.path = relative.to_owned();
        }
    }
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// The members of the workspace that must build without an operating system.
pub(crate) fn pure_crates(root: &Path) -> Result<Vec<String>> {
    let metadata = metadata(root)?;
    let house = House::read(root)?;
    let names = metadata
        .workspace_packages()
        .into_iter()
        .map(|p| p.name.to_string());
    Ok(names
        .filter(|name| house.room(name).is_some_and(|room| room.pure))
        .collect())
}

fn metadata(root: &Path) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml")).no_deps();
    command.exec().context("asking cargo for the workspace")
}
