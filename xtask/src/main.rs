//! What keeps the house in order: `cargo xtask --help`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool at the command line"
)]

mod api;
mod bench;
mod bpf;
mod check_explain;
mod check_forecast;
mod check_guard;
mod check_segments;
mod check_situations;
mod check_watch;
mod dist;
mod guard_story;
mod install_c;
mod lab_docs;
mod lab_peer;
mod recipes;
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
    /// Write the public interfaces of the libraries anew, `api/*.txt`; a test compares them.
    Api,
    /// Measure deadpeer against its peers.
    #[command(disable_help_flag = true)]
    Bench(bench::Arguments),
    /// Compare the stories of captures with what happened, and the kinds of packets with tshark's.
    CheckExplain(check_explain::Arguments),
    /// Compile the eBPF programs, or check that the objects in the tree are what they make.
    Bpf(bpf::Arguments),
    /// Compare forecasts with deaths on this kernel.
    CheckForecast(check_forecast::Arguments),
    /// Guard ten thousand live connections without harm, and destroy dead ones in time.
    CheckGuard(check_guard::Arguments),
    /// Act out what happens to four programs under guard; four minutes.
    GuardStory,
    /// Count the TCP segments of every capture in these folders as tshark does.
    CheckSegments(check_segments::Arguments),
    /// Act out what people report, with the programs they report it of; minutes.
    CheckSituations(check_situations::Arguments),
    /// Watch a thousand live connections without a false alarm, and dead ones within their
    /// deadlines.
    CheckWatch(check_watch::Arguments),
    /// Build the release file: the command, its manual pages and completions.
    Dist,
    /// Build the C library and install it: header, libraries, deadpeer.pc.
    InstallC(install_c::Arguments),
    /// Measure the truth table and write docs/matrix.md and docs/matrix.svg anew; minutes.
    LabDocs(lab_docs::Arguments),
    /// Write docs/programs.md anew, what programs can keep and what to write for each.
    Recipes,
    /// Hold recipes against the real programs, as far as they are installed.
    CheckRecipes,
    /// Check and test everything, as CI does.
    Test(test::Arguments),
    /// Check that the tree keeps the house rules.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test(arguments) => test::run(&arguments),
        Task::Tidy => tidy::run(),
        Task::Api => api::bless().map(|_| true),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::CheckExplain(arguments) => check_explain::run(&arguments),
        Task::Bpf(arguments) => bpf::run(&arguments),
        Task::CheckForecast(arguments) => check_forecast::run(&arguments),
        Task::CheckGuard(arguments) => check_guard::run(&arguments),
        Task::GuardStory => guard_story::run(),
        Task::CheckSegments(arguments) => check_segments::run(&arguments),
        Task::CheckSituations(arguments) => check_situations::run(&arguments),
        Task::CheckWatch(arguments) => check_watch::run(&arguments),
        Task::Dist => dist::run(),
        Task::InstallC(arguments) => install_c::run(&arguments),
        Task::Recipes => recipes::write(),
        Task::CheckRecipes => recipes::check(),
        Task::LabDocs(arguments) => lab_docs::run(&arguments),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn contributors_are_told_of_every_task() {
        let told = concat!(env!("CARGO_MANIFEST_DIR"), "/../CONTRIBUTING.md");
        let told = std::fs::read_to_string(told).unwrap();
        for task in Arguments::command().get_subcommands() {
            let name = task.get_name();
            let row = [format!("`cargo xtask {name}"), format!(", `{name}`")];
            assert!(row.iter().any(|row| told.contains(row)), "{name}");
        }
    }
}
