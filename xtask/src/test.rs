//! `cargo xtask test`: every check of the repository, one step after the other.

mod rungs;

use std::fmt;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use deadpeer_workspace::{cargo, output, root};

use crate::{bpf, tidy};

/// Crates that must build where there is no operating system.
const WASM: &str = "wasm32-unknown-unknown";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these steps; all of them by default.
    #[arg(value_enum)]
    steps: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// The format of every source file.
    Format,
    /// Compiler and clippy warnings, all of them errors.
    Clippy,
    /// Warnings of rustdoc, all of them errors.
    Docs,
    /// The pure crates build for a machine without operating system.
    Wasm,
    /// The house rules: `cargo xtask tidy`.
    Tidy,
    /// The eBPF objects are what their sources make: `cargo xtask bpf --check`.
    Bpf,
    /// Every test, documentation's examples included. See CONTRIBUTING.md for what may be tried
    /// twice.
    Tests,
}

/// Runs the steps and tells how each went. `true` if all passed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let all = Step::value_variants();
    let mut results = Vec::new();
    for &step in all {
        if !arguments.steps.is_empty() && !arguments.steps.contains(&step) {
            continue;
        }
        println!("== {step}");
        std::io::stdout().flush().context("writing")?;
        let start = Instant::now();
        let passed = step.run()?;
        results.push((step, passed, start.elapsed()));
    }
    summary(&results);
    Ok(results.iter().all(|(_, passed, _)| *passed))
}

fn summary(results: &[(Step, bool, Duration)]) {
    println!("== summary");
    for (step, passed, took) in results {
        let word = if *passed { "ok" } else { "FAILED" };
        println!(
            "{:<8} {word:<6} {:>6.1} s",
            step.to_string(),
            took.as_secs_f64()
        );
    }
}

impl Step {
    fn run(self) -> Result<bool> {
        match self {
            Self::Format => format(),
            Self::Clippy => passes(cargo().args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--",
                "-Dwarnings",
            ])),
            Self::Docs => passes(
                cargo()
                    .args(["doc", "--workspace", "--all-features", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-Dwarnings"),
            ),
            Self::Wasm => wasm(),
            Self::Tidy => tidy::run(),
            Self::Bpf => bpf::check_or_skip(),
            Self::Tests => rungs::run(),
        }
    }
}

/// The name on the command line.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => Ok(()),
        }
    }
}

fn format() -> Result<bool> {
    let workspace = passes(cargo().args(["fmt", "--all", "--check"]))?;
    let fuzz = passes(cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))?;
    Ok(workspace && fuzz)
}

fn wasm() -> Result<bool> {
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]));
    // Without rustup the toolchain is somebody else's business, and so are its targets.
    let missing = installed.is_ok_and(|targets| !targets.lines().any(|target| target == WASM));
    if missing && !passes(Command::new("rustup").args(["target", "add", WASM]))? {
        return Ok(false);
    }
    let mut build = cargo();
    build.args(["build", "--target", WASM]);
    for member in tidy::pure_crates(&root())? {
        build.args(["--package", &member]);
    }
    passes(&mut build)
}

fn passes(command: &mut Command) -> Result<bool> {
    let status = command
        .status()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    Ok(status.success())
}
