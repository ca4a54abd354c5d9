//! `cargo xtask dist`: the release file.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{build_release, root, target_directory};

/// Builds the command for release and packs it with its manual pages and completions.
pub(crate) fn run() -> Result<bool> {
    build_release(&["--package", "deadpeer-cli"])?;
    let target = target_directory()?;
    let file = target.join("dist").join(format!(
        "deadpeer-{}-{}-linux.tar.gz",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    ));
    let packed = Command::new(root().join("dist/archive"))
        .arg(target.join("release/deadpeer"))
        .arg(&file)
        .status()
        .context("starting dist/archive")?;
    ensure!(packed.success(), "dist/archive: {packed}");
    println!("{}", file.display());
    Ok(true)
}
