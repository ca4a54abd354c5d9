//! What a plan of deadpeer's would have made of it.

use deadpeer_core::{Kernel, Notice, Plan, Policy, Refusal, Silence, SlowReaders};

use super::{Noticed, Story, StoryVerdict};

/// The plan that stories are compared with: of `policy`, or else of one that may drop slow readers.
///
/// # Errors
/// [`Refusal`] where no options keep the policy.
pub fn compared_plan(policy: &Policy, kernel: &Kernel) -> Result<Plan, Refusal> {
    policy.plan(kernel).or_else(|refusal| {
        let dropping = policy.slow_readers(SlowReaders::Drop).plan(kernel);
        dropping.map_err(|_| refusal)
    })
}

impl Story {
    /// The silence that options can shorten; `None` where nobody was gone. Who was told at once,
    /// when it asked, that there is no such connection had waited idly before that.
    #[must_use]
    pub fn bounded_silence(&self) -> Option<Silence> {
        let silence = self.verdict.silence.filter(|_| self.verdict.is_death())?;
        let was_idle = self.verdict.noticed == Noticed::OtherHost;
        Some(if was_idle { Silence::Idle } else { silence })
    }

    /// When `plan` would have noticed the silence of this story, at the latest, counted from the
    /// last that was heard; `None` where nobody was gone.
    #[must_use]
    pub fn with_plan(&self, plan: &Plan) -> Option<Notice> {
        Some(plan.forecast().outlook(self.bounded_silence()?).worst)
    }
}

impl StoryVerdict {
    /// Whether the connection hung on somebody who was gone.
    #[must_use]
    pub fn is_death(&self) -> bool {
        self.gone.is_death()
    }
}
