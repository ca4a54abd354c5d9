//! `cargo xtask bench`: the benchmarks are a program of their own, made for release.

use std::ffi::OsString;

use anyhow::{Result, bail};
use deadpeer_workspace::cargo;

/// What that program is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Returns whether every target was met.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let mut bench = cargo();
    bench.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "deadpeer-bench",
        "--",
    ]);
    let status = bench.args(&arguments.arguments).status()?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => bail!("the benchmark: {status}"),
    }
}
