//! What is asked of `deadpeer plan`.

use std::time::Duration;

use clap::Args;
use deadpeer_core::{Kernel, Policy};
use deadpeer_recipes::{Recipe, Unknown};

use super::code::Language;
use super::kernel::{self, KernelArg, SysctlArg};
use crate::exit::Stop;
use crate::flags::DeadlineArgs;
use crate::output::OutputArgs;
use crate::policy_args::PolicyArgs;

/// Choose socket options that notice a vanished peer in time
///
/// Prints the options, what they guarantee for each kind of silence, what they cost, and code that
/// sets them. Exits with 1 if no options can keep the deadline, and says why and which is the
/// nearest deadline that can be kept.
///
/// With --for: the lines to write for that program, what they keep, and what the program cannot
/// keep; exits with 1 if there is any of that.
#[derive(Debug, Args)]
#[command(mut_arg("within", |within| within.required(false).required_unless_present("list")))]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    deadline: Option<DeadlineArgs>,
    /// Advise for this program or library in its own words: nginx, postgresql, redis-py, go, ...
    #[arg(
        long = "for",
        value_name = "PROGRAM",
        value_parser = recipe,
        conflicts_with_all = ["code", "survive_lost", "slow_readers", "after_close", "path_rto", "middlebox", "except"]
    )]
    program: Option<&'static Recipe>,
    /// List the programs and libraries that --for takes
    #[arg(long, conflicts_with_all = ["within", "program", "code"])]
    list: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Kernel to plan for: running, modern (6.15 or newer), before-6.15, or a version such as 6.1
    #[arg(long, value_name = "KERNEL", default_value = "running", value_parser = kernel::which)]
    kernel: KernelArg,
    /// Plan for a namespace with these sysctls; without a value, let the plan set tcp_retries2 of
    /// the namespace as well
    #[arg(
        long,
        value_name = "NAME=VALUE,...",
        value_delimiter = ',',
        num_args = 0..=1,
        default_missing_value = kernel::CHOOSE,
        value_parser = kernel::sysctl
    )]
    sysctl: Vec<SysctlArg>,
    /// Print only code: c, rust (with the crate deadpeer), libc (Rust without it), go, python,
    /// java, node, csharp or sysctl
    #[arg(
        long,
        value_name = "LANGUAGE",
        conflicts_with = "json",
        hide_possible_values = true
    )]
    code: Option<Language>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  deadpeer plan --within 30s
  deadpeer plan --within 30s --for nginx
  deadpeer plan --within 30s --code go
  deadpeer plan --within 15m --middlebox aws-nlb
  deadpeer plan --within 30s --kernel 6.1 --sysctl";

/// What is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// Options for a socket.
    Options(Options),
    /// Lines for a program.
    Program {
        recipe: &'static Recipe,
        within: Duration,
        /// The kernel and the namespace that it runs on.
        kernel: Kernel,
    },
    /// The programs that lines are known for.
    List,
}

/// What is asked about a socket.
#[derive(Debug)]
pub(crate) struct Options {
    pub(super) policy: Policy,
    /// The kernel and the namespace to plan for.
    pub(super) kernel: Kernel,
    /// Print nothing but this.
    pub(super) code: Option<Language>,
}

impl PlanArgs {
    /// As plain values, once the running kernel has been asked if that is meant.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        let Some(deadline) = self.deadline else {
            return Ok(Request::List);
        };
        let kernel = kernel::with_sysctls(self.kernel.kernel()?, &self.sysctl)?;
        if let Some(recipe) = self.program {
            return Ok(Request::Program {
                recipe,
                within: deadline.within,
                kernel,
            });
        }
        let policy = self.policy.within(deadline.within);
        Ok(Request::Options(Options {
            policy: policy.sysctls(self.sysctl.contains(&SysctlArg::Choose)),
            kernel,
            code: self.code,
        }))
    }
}

fn recipe(name: &str) -> Result<&'static Recipe, String> {
    let unknown = |unknown: Unknown| format!("{unknown} `deadpeer plan --list` has them all");
    deadpeer_recipes::find(name).map_err(unknown)
}
