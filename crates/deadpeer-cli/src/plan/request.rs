//! What is asked of `deadpeer plan`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use deadpeer_core::{Kernel, Policy};
use deadpeer_recipes::read::Reading;
use deadpeer_recipes::{Recipe, Unknown};

use super::code::Language;
use super::kernel::{self, KernelArg, SysctlArg};
use crate::configuration;
use crate::exit::Stop;
use crate::flags::DeadlineArgs;
use crate::output::OutputArgs;
use crate::policy_args::PolicyArgs;

/// Choose socket options that notice a vanished peer in time
///
/// Prints the options, what they guarantee for each kind of silence, and what they cost. If no
/// options can keep the deadline, it says why, and which is the nearest deadline that can be kept.
///
/// With --for, it prints the lines to write for a program or library, what they guarantee, and for
/// which silences the program can't keep the deadline.
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
        conflicts_with_all = FOR_A_SOCKET
    )]
    program: Option<&'static Recipe>,
    /// Read the configuration of --for's program (without a file, that of the running program) and
    /// say what each line promises, and as a diff what to change; nothing is written
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = false)]
    #[arg(conflicts_with_all = FOR_A_SOCKET)]
    read: Option<Option<PathBuf>>,
    /// The process whose configuration to read, where several are running
    #[arg(long, value_name = "PID", requires = "read", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
    /// List the programs and libraries that --for takes
    #[arg(long, conflicts_with_all = ["within", "program", "code", "read"])]
    list: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Kernel to plan for: running, modern (6.15 or newer), before-6.15, or a version such as 6.1
    #[arg(long, value_name = "KERNEL", default_value = "running", value_parser = kernel::which)]
    kernel: KernelArg,
    /// Plan for a network namespace with these sysctls; without a value, let the plan set
    /// tcp_retries2 of the namespace as well
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

/// What says something of a socket of one's own program.
const FOR_A_SOCKET: [&str; 7] = [
    "code",
    "survive_lost",
    "slow_readers",
    "after_close",
    "path_rto",
    "middlebox",
    "except",
];

const EXAMPLES: &str = "\
Examples:
  deadpeer plan --within 30s
  deadpeer plan --within 30s --for nginx
  deadpeer plan --within 30s --code go
  deadpeer plan --within 15m --middlebox aws-nlb
  deadpeer plan --within 30s --kernel 6.1 --sysctl

Exit codes:
  0  the deadline can be kept; with --read, the configuration keeps it
  1  no options keep the deadline; with --for, the program can't keep it in some silence; with
     --read, the configuration doesn't keep it
  2  usage or run-time error
  3  with --read: can't tell";

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
    /// What a program's configuration promises.
    Read { reading: Box<Reading> },
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
        if let Some(file) = &self.read {
            let reading = Box::new(self.reading(file.as_deref(), deadline.within, &kernel)?);
            return Ok(Request::Read { reading });
        }
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

impl PlanArgs {
    /// Reads the file that was named, or that of the running program.
    fn reading(
        &self,
        file: Option<&Path>,
        within: Duration,
        kernel: &Kernel,
    ) -> Result<Reading, Stop> {
        match (file, self.pid, self.program) {
            (Some(_), Some(_), _) => Err(Stop::because("--read FILE and --pid cannot be combined")),
            (Some(file), None, Some(recipe)) => {
                configuration::of_file(recipe, file, within, kernel)
            }
            (None, Some(pid), asked) => {
                let (recipe, running) = configuration::recipe_of(pid).map_err(Stop::because)?;
                if let Some(asked) = asked.filter(|asked| asked.name != recipe.name) {
                    let title = &recipe.title;
                    let said = format!("process {pid} is {title}, not {}", asked.title);
                    return Err(Stop::because(said));
                }
                configuration::of_process(recipe, &running, within, kernel).map_err(Stop::because)
            }
            (None, None, Some(recipe)) => {
                let running = configuration::programs(recipe);
                let pids: Vec<String> = running.iter().map(|one| one.pid.to_string()).collect();
                match &running[..] {
                    [] => Err(Stop::because(format!(
                        "no {} is running here that can be looked into: use --read FILE",
                        recipe.title
                    ))),
                    [one] => configuration::of_process(recipe, one, within, kernel)
                        .map_err(Stop::because),
                    _ => Err(Stop::because(format!(
                        "several are running: use --pid {}",
                        pids.join(", or --pid ")
                    ))),
                }
            }
            (_, None, None) => Err(Stop::because("--read takes --for PROGRAM, or --pid PID")),
        }
    }
}

fn recipe(name: &str) -> Result<&'static Recipe, String> {
    let unknown = |unknown: Unknown| format!("{unknown} `deadpeer plan --list` has them all");
    deadpeer_recipes::find(name).map_err(unknown)
}
