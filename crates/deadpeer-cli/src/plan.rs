//! `deadpeer plan`: one deadline in, the right socket options out, and code to paste.

mod code;
mod kernel;
pub(crate) mod words;

use std::io::Write;
use std::time::Duration;

use clap::Args;
use deadpeer_core::{Effective, Forecast, Kernel, Notice, Plan, Policy};
use deadpeer_report::duration;
use deadpeer_report::record;

use crate::exit::{Exit, Stop};
use crate::output::line;
use crate::policy_args::{LOST_PROBES, PolicyArgs, SlowReadersArg};
use crate::text::look::Look;
use code::Language;
use kernel::{KernelArg, SysctlArg};

/// Choose socket options that notice a vanished peer in time
///
/// Prints the options, what they promise for every kind of silence, what they cost, and the code to
/// set them. Exit code 1 if no options can keep the deadline: then the reason and the nearest
/// deadline that can be kept.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The deadline: 30s, 1m30s, 2h
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    within: Duration,
    #[command(flatten)]
    policy: PolicyArgs,
    /// The kernel to plan for: running, modern (6.15 or newer), before-6.15, or a version like 6.1
    #[arg(long, value_name = "KERNEL", default_value = "running", value_parser = kernel::which)]
    kernel: KernelArg,
    /// Plan for a namespace with this sysctl, or, without a value, choose tcp_retries2 of the
    /// namespace as well
    #[arg(
        long,
        value_name = "NAME=VALUE,...",
        value_delimiter = ',',
        num_args = 0..=1,
        default_missing_value = kernel::CHOOSE,
        value_parser = kernel::sysctl
    )]
    sysctl: Vec<SysctlArg>,
    /// Print nothing but code: c, rust (with the crate deadpeer), libc (Rust without it) or sysctl
    #[arg(
        long,
        value_name = "LANGUAGE",
        conflicts_with = "json",
        hide_possible_values = true
    )]
    code: Option<Language>,
    /// Print JSON lines, see schemas/plan.json and schemas/refusal.json
    #[arg(long)]
    json: bool,
}

impl PlanArgs {
    fn policy(&self) -> Policy {
        let policy = self.policy.within(self.within);
        policy.sysctls(self.sysctl.contains(&SysctlArg::Choose))
    }

    fn kernel(&self) -> Result<Kernel, Stop> {
        kernel::with_sysctls(self.kernel.kernel()?, &self.sysctl)
    }
}

/// Plans and prints.
pub(crate) fn run(args: &PlanArgs, look: Look, out: &mut impl Write) -> Result<Exit, Stop> {
    let kernel = args.kernel()?;
    match args.policy().plan(&kernel) {
        Ok(plan) => {
            let asked = Asked { args, kernel, plan };
            match args.code {
                Some(language) => out.write_all(asked.code(language).as_bytes())?,
                None if args.json => line(out, &record::Plan::from(&asked.plan))?,
                None => words::plan(&asked, look, out)?,
            }
            Ok(Exit::Yes)
        }
        Err(refusal) => {
            match args.code {
                // What is piped into a file must not be a sentence.
                Some(_) => eprintln!("deadpeer: {refusal}"),
                None if args.json => line(out, &record::Refusal::from(&refusal))?,
                None => words::refusal(&refusal, true, look, out)?,
            }
            Ok(Exit::No)
        }
    }
}

/// A plan with the question it answers.
struct Asked<'a> {
    args: &'a PlanArgs,
    kernel: Kernel,
    plan: Plan,
}

impl Asked<'_> {
    /// The code that keeps the plan, as far as the language can.
    fn code(&self, language: Language) -> String {
        let options = self.plan.options();
        let promise = self.promise();
        match language {
            Language::C => code::c(options, &promise),
            Language::Rust => code::rust(&self.policy_in_rust(), &promise),
            Language::Libc => code::libc(options, &promise),
            Language::Sysctl => {
                let in_flight = words::told(self.by_sysctls_alone());
                code::sysctl(options, self.plan.sysctls(), &promise, &in_flight)
            }
        }
    }

    /// The promise as a sentence for comments.
    fn promise(&self) -> String {
        let within = duration::typed(self.args.within);
        let except: Vec<&str> = self
            .args
            .policy
            .except
            .iter()
            .map(|silence| silence.name())
            .collect();
        let promise = match except.is_empty() {
            true => format!("Notices a vanished peer within {within}."),
            false => format!(
                "Notices a vanished peer within {within} (not promised: {}).",
                except.join(", ")
            ),
        };
        let needed = self.plan.sysctls().iter();
        needed.fold(promise, |promise, (name, value)| {
            format!("{promise} Needs {name} = {value}.")
        })
    }

    /// The largest RTO of a path that counts.
    fn path_rto(&self) -> Duration {
        self.plan.assumed_rto().unwrap_or(Duration::from_secs(1))
    }

    /// The expression that builds this policy; what is the default is left out.
    fn policy_in_rust(&self) -> String {
        let args = self.args;
        let duration = |time: Duration| match time.as_millis() {
            ms if ms % 1000 == 0 => format!("Duration::from_secs({})", ms / 1000),
            ms => format!("Duration::from_millis({ms})"),
        };
        let mut rust = format!("Policy::detect_within({})", duration(args.within));
        let survived = args.policy.survive_lost;
        if survived != LOST_PROBES {
            rust += &format!("\n        .survive_lost_probes({survived})");
        }
        if args.policy.slow_readers == SlowReadersArg::Drop {
            rust += "\n        .slow_readers(deadpeer::SlowReaders::Drop)";
        }
        if let Some(outage) = args.policy.after_close {
            rust += &format!("\n        .after_close({})", duration(outage));
        }
        if let Some(rto) = args.policy.path_rto {
            rust += &format!("\n        .path_rto({})", duration(rto));
        }
        for silence in &args.policy.except {
            rust += &format!("\n        .except(deadpeer::Silence::{silence:?})");
        }
        rust
    }

    /// When data in flight is given up where the sysctls are set and no user timeout.
    fn by_sysctls_alone(&self) -> Notice {
        let mut options = *self.plan.options();
        options.user_timeout_ms = None;
        let kernel = self.plan.sysctls().on(&self.kernel);
        let effective: Effective = options.resolve(&kernel.sysctls);
        Forecast::promised(&effective, self.path_rto(), &kernel)
            .in_flight
            .worst
    }
}
