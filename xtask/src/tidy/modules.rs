//! Which files a crate is made of when no test is compiled.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cargo_metadata::{Package, TargetKind};

use super::tokens;

/// The files of the library and the binaries of a package, found the way the compiler finds them:
/// from the root along every `mod name;` that is not for tests.
pub(super) fn product_files(package: &Package) -> Result<Vec<PathBuf>> {
    let product = |kind: &TargetKind| matches!(kind, TargetKind::Lib | TargetKind::Bin);
    let roots = package
        .targets
        .iter()
        .filter(|target| target.kind.iter().any(product));
    let mut files = Vec::new();
    for target in roots {
        let file = target.src_path.as_std_path();
        let children = file.parent().unwrap_or(file).to_owned();
        collect(file, &children, &mut files)?;
    }
    Ok(files)
}

/// Adds `file` and its modules, which stand in the folder `children`.
fn collect(file: &Path, children: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let source =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let tokens = tokens::product(&source).with_context(|| file.display().to_string())?;
    files.push(file.to_owned());
    for window in tokens.windows(3) {
        let [keyword, name, end] = window else {
            continue;
        };
        if !(keyword.is("mod") && end.is(";")) {
            continue;
        }
        let folder = children.join(&name.text);
        let flat = children.join(format!("{}.rs", name.text));
        let module = if flat.exists() {
            flat
        } else {
            folder.join("mod.rs")
        };
        collect(&module, &folder, files)?;
    }
    Ok(())
}
