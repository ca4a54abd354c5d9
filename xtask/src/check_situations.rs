//! `cargo xtask check-situations`: what people report, acted out with the programs they report it
//! of; `--docs` writes docs/situations.md.
//!
//! The situations are files of `crates/deadpeer-cli/tests/situations`, each a test that runs in
//! namespaces of its own. Needs root and the programs.

pub(crate) mod page;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use deadpeer_workspace::{cargo, root};

use page::Told;

/// Act out what people report, with the programs they report it of; minutes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these.
    names: Vec<String>,
    /// Write docs/situations.md anew.
    #[arg(long, conflicts_with = "names")]
    docs: bool,
    /// Situations that run at a time; most of each is waiting for the kernel's timers.
    #[arg(long, default_value_t = 4)]
    jobs: usize,
}

/// Returns whether all came out as they have to. A program that is missing is said.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let told = tempfile::tempdir()?;
    let mut test = cargo();
    test.args(["test", "--package", "deadpeer-cli", "--test", "situations"]);
    test.args(["--", "--include-ignored", "--nocapture"]);
    test.arg(format!("--test-threads={}", arguments.jobs));
    if !arguments.names.is_empty() {
        test.arg("--exact").args(&arguments.names);
    }
    // The page is what is about to be written.
    test.args(["--skip", "the_page_in_the_tree"]);
    test.env("DEADPEER_SITUATIONS", told.path());
    let passed = test.status().context("starting cargo")?.success();
    if arguments.docs && passed {
        let file = root().join("docs/situations.md");
        std::fs::write(&file, page::page(&read_all(told.path())?))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(passed)
}

/// What came of all situations, in the order of the page. Documents are of the whole table: one
/// that was skipped is an error.
fn read_all(folder: &Path) -> Result<Vec<Told>> {
    let mut all = Vec::new();
    for situation in toml_files()? {
        let name = situation.with_extension("json");
        let file = folder.join(name.file_name().unwrap_or_default());
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{} was not acted out", situation.display()))?;
        all.push(serde_json::from_str::<Told>(&text)?);
    }
    all.sort_by_key(|told| told.place);
    Ok(all)
}

fn toml_files() -> Result<Vec<PathBuf>> {
    let folder = root().join("crates/deadpeer-cli/tests/situations");
    let files = std::fs::read_dir(folder)?.map(|file| Ok(file?.path()));
    let files = files.filter(|file: &Result<PathBuf>| {
        let is_toml = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
        file.as_ref().map_or(true, is_toml)
    });
    files.collect()
}
