//! The rule for connections still to come, on real sockets: whatever a program sets, in whatever
//! order, what is in force after each call keeps the deadline by core's own forecast, survives the
//! lost probes, and is nowhere later than what the program asked for.
//!
//! The program is this test binary, started once more under the rule.

mod examples;
mod multipath;
mod program;
mod random;

use std::process::{Command, Stdio};
use std::time::Duration;

use deadpeer_core::{Kernel, Policy, SlowReaders};
use deadpeer_host::protect::Aim;
use deadpeer_host::protect::new_connections::rule;
use deadpeer_host::run::{Inherited, ProtectedCgroup, ProtectedCgroupError};
use deadpeer_sys::testing::skip;

/// What is asked for, as a word for the program's environment and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    within: Duration,
    survives: u32,
    drop: bool,
    keep_app_settings: bool,
}

impl Asked {
    fn within_s(seconds: u64) -> Self {
        Self {
            within: Duration::from_secs(seconds),
            survives: 2,
            drop: false,
            keep_app_settings: false,
        }
    }

    fn drop(self) -> Self {
        Self { drop: true, ..self }
    }

    fn survives(self, survives: u32) -> Self {
        Self { survives, ..self }
    }

    fn keep_app_settings(self) -> Self {
        Self {
            keep_app_settings: true,
            ..self
        }
    }

    fn words(self) -> String {
        format!(
            "{} {} {} {}",
            self.within.as_secs(),
            self.survives,
            self.drop,
            self.keep_app_settings
        )
    }

    fn read(words: &str) -> Self {
        let [within, survives, drop, keep] = words
            .split(' ')
            .collect::<Vec<_>>()
            .try_into()
            .expect("four words");
        Self {
            within: Duration::from_secs(within.parse().unwrap()),
            survives: survives.parse().unwrap(),
            drop: drop.parse().unwrap(),
            keep_app_settings: keep.parse().unwrap(),
        }
    }

    /// The same, with slow readers dropped where the kernel can't keep them.
    fn on_this_kernel(self) -> Self {
        match kernel().rto_max_option {
            true => self,
            false => self.drop(),
        }
    }

    fn policy(self) -> Policy {
        let slow_readers = match self.drop {
            true => SlowReaders::Drop,
            false => SlowReaders::Keep,
        };
        Policy::detect_within(self.within)
            .survive_lost_probes(self.survives)
            .slow_readers(slow_readers)
    }

    fn aim(self) -> Aim {
        Aim::new(&self.policy(), &kernel()).expect("a plan")
    }
}

fn kernel() -> Kernel {
    deadpeer_sys::running_kernel().unwrap()
}

/// Runs a test of this binary once more, under the rule, and fails where it fails. Skips where no
/// rule can be had.
fn under_the_rule(test: &str, asked: Asked) {
    let aim = asked.aim();
    let rule = rule(&aim, asked.keep_app_settings);
    let mut cgroup = match ProtectedCgroup::make(&aim, &rule, &Inherited::default()) {
        Ok(cgroup) => cgroup,
        Err(
            why @ (ProtectedCgroupError::Unavailable(_)
            | ProtectedCgroupError::NoCgroup
            | ProtectedCgroupError::Make { .. }),
        ) => return skip(&why.to_string()),
        Err(other) => panic!("{other}"),
    };
    let mut program = Command::new(std::env::current_exe().unwrap());
    program
        .args(["--exact", test, "--nocapture"])
        .env(program::ASKED, asked.words())
        .stdin(Stdio::null());
    let status = cgroup.spawn(&mut program).unwrap().wait().unwrap();
    assert!(status.success(), "{asked:?}: {status}");
    assert_eq!(cgroup.refused(), 0, "{asked:?}");
}
