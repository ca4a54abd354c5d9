//! The answer of `deadpeer plan`: a plan, and the code that sets it.

use std::time::Duration;

use deadpeer_core::{Effective, Forecast, Kernel, Notice, Plan, Policy, Silence};
use deadpeer_report::duration;

use super::code::{self, Language};

/// A plan, and the kernel that it was made for.
pub(super) struct Answer {
    pub(super) plan: Plan,
    pub(super) kernel: Kernel,
}

impl Answer {
    /// The code that keeps the plan, as far as the language can.
    pub(super) fn code(&self, language: Language) -> String {
        let options = self.plan.options();
        let promise = self.promise();
        match language {
            Language::C => code::c(options, &promise),
            Language::Rust => code::rust(&self.policy_in_rust(), &promise),
            Language::Libc => code::libc(options, &promise),
            Language::Go => code::go(options, &promise),
            Language::Python => code::python(options, &promise),
            Language::Csharp => code::csharp(options, &promise),
            Language::Java => self.as_far_as_it_goes("java"),
            Language::Node => self.as_far_as_it_goes("node"),
            Language::Sysctl => {
                let in_flight = told(self.by_sysctls_alone());
                code::sysctl(options, self.plan.sysctls(), &promise, &in_flight)
            }
        }
    }

    /// What a language can do that has no way to set any option.
    fn as_far_as_it_goes(&self, language: &str) -> String {
        let within = self.plan.policy().within();
        let recipe = deadpeer_recipes::find(language);
        let advice = recipe.map(|recipe| deadpeer_recipes::advise(recipe, within, &self.kernel));
        match advice {
            Ok(advice) => code::as_far_as_it_goes(&advice, &duration::typed(within), told),
            Err(unknown) => unreachable!("{unknown}"),
        }
    }

    /// The promise as a sentence for comments.
    fn promise(&self) -> String {
        let within = duration::typed(self.plan.policy().within());
        let except: Vec<&str> = self.excepted().map(Silence::name).collect();
        let promise = match except.is_empty() {
            true => format!("Notices a vanished peer within {within}."),
            false => format!(
                "Notices a vanished peer within {within} (not promised: {}).",
                except.join(", ")
            ),
        };
        let promise = match self.plan.policy().middlebox_limit() {
            Some(limit) => format!(
                "{promise} Probes an idle connection before a middlebox forgets it after {}.",
                duration::typed(limit)
            ),
            None => promise,
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
        let policy = self.plan.policy();
        let default = Policy::detect_within(policy.within());
        let duration = |time: Duration| match time.as_millis() {
            ms if ms % 1000 == 0 => format!("Duration::from_secs({})", ms / 1000),
            ms => format!("Duration::from_millis({ms})"),
        };
        let mut rust = format!("Policy::detect_within({})", duration(policy.within()));
        if policy.survives() != default.survives() {
            rust += &format!("\n        .survive_lost_probes({})", policy.survives());
        }
        if !policy.keeps_slow_readers() {
            rust += "\n        .slow_readers(deadpeer::SlowReaders::Drop)";
        }
        if policy.outage_after_close() != default.outage_after_close() {
            let outage = duration(policy.outage_after_close());
            rust += &format!("\n        .after_close({outage})");
        }
        if policy.largest_path_rto() != default.largest_path_rto() {
            let rto = duration(policy.largest_path_rto());
            rust += &format!("\n        .path_rto({rto})");
        }
        if let Some(limit) = policy.middlebox_limit() {
            rust += &format!("\n        .middlebox({})", duration(limit));
        }
        for silence in self.excepted() {
            rust += &format!("\n        .except(deadpeer::forecast::Silence::{silence:?})");
        }
        rust
    }

    /// The silences that need not keep the deadline.
    fn excepted(&self) -> impl Iterator<Item = Silence> {
        let policy = self.plan.policy();
        let all = Silence::ALL.into_iter();
        all.filter(|silence| !policy.promises(*silence))
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

/// When a notice comes, as the end of a sentence.
pub(super) fn told(notice: Notice) -> String {
    match notice {
        Notice::Within(span) => format!("after {}", duration::span(span.earliest, span.latest)),
        Notice::Never => "never".into(),
    }
}
