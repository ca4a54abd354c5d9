//! Rules for Cargo.toml.

use anyhow::{Context as _, Result};
use cargo_metadata::Package;

use super::Finding;

/// Every member takes the lints of the workspace: there is one set of them.
pub(super) fn check(package: &Package) -> Result<Vec<Finding>> {
    let path = &package.manifest_path;
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let mut lints = text
        .lines()
        .skip_while(|line| line.trim() != "[lints]")
        .skip(1);
    let inherited = lints
        .by_ref()
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.replace(' ', "") == "workspace=true");
    let missing =
        (!inherited).then(|| finding(package, "no `[lints] workspace = true`".to_owned()));
    Ok(missing.into_iter().collect())
}

/// A finding in the manifest of a package.
pub(super) fn finding(package: &Package, what: String) -> Finding {
    Finding {
        path: package.manifest_path.clone().into(),
        line: 1,
        what,
    }
}
