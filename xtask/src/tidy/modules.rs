//! Which files a crate is made of when no test is compiled.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cargo_metadata::{Package, TargetKind};

use super::tokens;

/// The library of a package, or one of its binaries.
pub(super) struct Product {
    /// Found the way the compiler finds them: from the root along every `mod name;` that is not for
    /// tests.
    pub(super) files: Vec<File>,
}

/// A file, and where in the crate it stands.
pub(super) struct File {
    pub(super) path: PathBuf,
    /// From the root.
    modules: Vec<String>,
}

impl Product {
    pub(super) fn of(package: &Package) -> Result<Vec<Self>> {
        let product = |kind: &TargetKind| matches!(kind, TargetKind::Lib | TargetKind::Bin);
        let roots = package
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(product));
        let products = roots.map(|target| {
            let path = target.src_path.as_std_path();
            let children = path.parent().unwrap_or(path).to_owned();
            let mut files = Vec::new();
            let root = File {
                path: path.to_owned(),
                modules: Vec::new(),
            };
            collect(root, &children, &mut files)?;
            Ok(Self { files })
        });
        products.collect()
    }
}

impl File {
    /// The module of the root that it belongs to; `None`: it is the root.
    pub(super) fn module(&self) -> Option<&str> {
        self.modules.first().map(String::as_str)
    }

    /// What a path in this file names in the root; `None`: it begins elsewhere.
    pub(super) fn at_root<'p>(&self, path: &'p [String]) -> Option<&'p str> {
        let climbs = path.iter().take_while(|part| *part == "super").count();
        let begins = match path.first()?.as_str() {
            "crate" => 1,
            _ if climbs > 0 && climbs == self.modules.len() => climbs,
            _ => return None,
        };
        path.get(begins).map(String::as_str)
    }
}

/// Adds `file` and its modules, which stand in the folder `children`.
fn collect(file: File, children: &Path, files: &mut Vec<File>) -> Result<()> {
    let source = std::fs::read_to_string(&file.path)
        .with_context(|| format!("reading {}", file.path.display()))?;
    let tokens = tokens::product(&source).with_context(|| file.path.display().to_string())?;
    let above = file.modules.clone();
    files.push(file);
    for window in tokens.windows(3) {
        let [keyword, name, end] = window else {
            continue;
        };
        if !(keyword.is("mod") && end.is(";")) {
            continue;
        }
        let folder = children.join(&name.text);
        let flat = children.join(format!("{}.rs", name.text));
        let module = File {
            path: match flat.exists() {
                true => flat,
                false => folder.join("mod.rs"),
            },
            modules: [above.as_slice(), std::slice::from_ref(&name.text)].concat(),
        };
        collect(module, &folder, files)?;
    }
    Ok(())
}
