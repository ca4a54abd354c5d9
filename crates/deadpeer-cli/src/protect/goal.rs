//! What is to hold, whatever it is to hold for.

use deadpeer_core::{Kernel, Policy, Refusal};
use deadpeer_host::protect::Aim;
use deadpeer_report::duration::{self, milliseconds};

/// A deadline, and how to keep it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    pub(super) policy: Policy,
    pub(super) keep_app_settings: bool,
}

impl Goal {
    /// What it takes on this kernel. A deadline that can't be kept is refused with what could be.
    pub(super) fn aim(&self, kernel: &Kernel) -> Result<Aim, Refusal> {
        let aim = Aim::new(&self.policy, kernel)?;
        Ok(aim.keep_app_settings(self.keep_app_settings))
    }

    /// The deadline in milliseconds.
    pub(super) fn within_ms(&self) -> u64 {
        milliseconds(self.policy.within())
    }

    /// The deadline as it was typed.
    pub(super) fn within(&self) -> String {
        duration::typed(self.policy.within())
    }
}
