//! What keeps the house in order: `cargo xtask --help`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool at the command line"
)]

mod bench;
mod cargo;
mod check_forecast;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure deadpeer against its peers.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Compare forecasts with deaths on this kernel.
    CheckForecast(check_forecast::Arguments),
    /// Check and test everything, as CI does.
    Test(test::Arguments),
    /// Check that the tree keeps the house rules.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test(arguments) => test::run(&arguments),
        Task::Tidy => tidy::run(),
        Task::Bench(bench) => bench::run(&bench),
        Task::CheckForecast(arguments) => check_forecast::run(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
