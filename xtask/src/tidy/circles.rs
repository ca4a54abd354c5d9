//! The modules of a crate stand in an order: none needs one that needs it again.
//!
//! What counts are the modules that the root names, with everything below them, and the paths from
//! the root in what is shipped, whether they begin with `crate` or climb there with `super`. What
//! the root re-exports is its module's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Finding;
use super::modules::Product;
use super::source::paths;
use super::tokens;

/// A finding for each step of each circle.
pub(super) fn check(products: &[Product]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for product in products {
        let needs = Needs::of(product)?;
        findings.extend(needs.steps_of_circles());
    }
    Ok(findings)
}

/// Which module needs which, and where it first says so.
struct Needs(BTreeMap<String, BTreeMap<String, (PathBuf, usize)>>);

impl Needs {
    fn of(product: &Product) -> Result<Self> {
        let modules: BTreeSet<&str> = product.files.iter().filter_map(|f| f.module()).collect();
        let exported = exported(product, &modules)?;
        let mut needs = Self(BTreeMap::new());
        for file in &product.files {
            let Some(module) = file.module() else {
                continue;
            };
            for (line, path) in named(&file.path)? {
                let Some(name) = file.at_root(&path) else {
                    continue;
                };
                let needed = exported.get(name).map_or(name, String::as_str);
                if needed != module && modules.contains(needed) {
                    let of_module = needs.0.entry(module.to_owned()).or_default();
                    let place = (file.path.clone(), line);
                    of_module.entry(needed.to_owned()).or_insert(place);
                }
            }
        }
        Ok(needs)
    }

    fn steps_of_circles(&self) -> impl Iterator<Item = Finding> {
        let all = self
            .0
            .iter()
            .flat_map(|(from, needed)| needed.iter().map(move |(to, place)| (from, to, place)));
        let circular = all.filter(|(from, to, _)| self.reaches(to, from));
        circular.map(|(from, to, (path, line))| Finding {
            path: path.clone(),
            line: *line,
            what: format!("a circle of modules: {from} needs {to}, which needs {from} again"),
        })
    }

    fn reaches(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            if module == to {
                return true;
            }
            let needed = self.0.get(module).into_iter().flatten();
            open.extend(
                needed
                    .map(|(name, _)| name.as_str())
                    .filter(|name| seen.insert(*name)),
            );
        }
        false
    }
}

/// The module of each name that the root takes from one.
fn exported(product: &Product, modules: &BTreeSet<&str>) -> Result<BTreeMap<String, String>> {
    let mut exported = BTreeMap::new();
    for root in product.files.iter().filter(|file| file.module().is_none()) {
        for (_, path) in named(&root.path)? {
            let path = match path.as_slice() {
                [first, rest @ ..] if first == "crate" || first == "self" => rest,
                path => path,
            };
            if let [module, .., name] = path
                && modules.contains(module.as_str())
            {
                exported.insert(name.clone(), module.clone());
            }
        }
    }
    Ok(exported)
}

/// Every path in a file that is shipped.
fn named(path: &Path) -> Result<Vec<(usize, Vec<String>)>> {
    let source =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let tokens = tokens::product(&source).with_context(|| path.display().to_string())?;
    Ok(paths(&tokens))
}
