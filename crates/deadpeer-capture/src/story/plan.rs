//! What a plan of deadpeer's would have made of it.

use deadpeer_core::{Kernel, Plan, Policy, Refusal, SlowReaders};

use super::{Story, Verdict};

/// What the options of a plan would have done in the same place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promise {
    /// The plan.
    pub plan: Plan,
    /// When it would have been noticed, at the latest, counted from the last that was heard.
    pub notice: deadpeer_core::Notice,
}

impl Story {
    /// What `policy` would have promised for the silence of this story on this kernel; `None` where nobody was gone.
    ///
    /// # Errors
    /// [`Refusal`] where no options keep the policy.
    pub fn with_plan(&self, policy: &Policy, kernel: &Kernel) -> Option<Result<Promise, Refusal>> {
        let silence = self.verdict.silence.filter(|_| self.verdict.is_death())?;
        let planned = policy.plan(kernel).or_else(|refusal| {
            let dropping = policy.slow_readers(SlowReaders::Drop).plan(kernel);
            dropping.map_err(|_| refusal)
        });
        Some(planned.map(|plan| Promise {
            notice: plan.forecast().outlook(silence).worst,
            plan,
        }))
    }
}

impl Verdict {
    /// Whether the connection hung on somebody who was gone.
    #[must_use]
    pub fn is_death(&self) -> bool {
        self.gone.is_death()
    }
}
