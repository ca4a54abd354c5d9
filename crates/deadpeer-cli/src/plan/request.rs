//! What is asked of `deadpeer plan`.

use clap::Args;
use deadpeer_core::{Kernel, Policy};

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
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    deadline: DeadlineArgs,
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
    /// Print only code: c, rust (with the crate deadpeer), libc (Rust without it) or sysctl
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

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) policy: Policy,
    /// The kernel and the namespace to plan for.
    pub(super) kernel: Kernel,
    /// Print nothing but this.
    pub(super) code: Option<Language>,
}

impl PlanArgs {
    /// As plain values, once the running kernel has been asked if that is meant.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        let policy = self.policy.within(self.deadline.within);
        Ok(Request {
            policy: policy.sysctls(self.sysctl.contains(&SysctlArg::Choose)),
            kernel: kernel::with_sysctls(self.kernel.kernel()?, &self.sysctl)?,
            code: self.code,
        })
    }
}
