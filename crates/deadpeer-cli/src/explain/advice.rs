//! What would have been better: the plan that each death is compared with.

use std::sync::OnceLock;
use std::time::Duration;

use deadpeer_capture::Story;
use deadpeer_capture::story::compared_plan;
use deadpeer_core::{Kernel, Notice, Plan, Policy, Refusal, Silence};
use deadpeer_report::duration::{self, Upper};

use super::request::Request;

/// A plan to compare deaths with, made when there is the first.
pub(super) struct Advice<'a> {
    request: &'a Request,
    planned: OnceLock<Result<Planned, Refusal>>,
}

/// A plan, and its options in words.
struct Planned {
    plan: Plan,
    options: String,
}

impl<'a> Advice<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        Self {
            request,
            planned: OnceLock::new(),
        }
    }

    /// The plan that would have noticed a death sooner, and within what; `None` where nobody was
    /// gone, or it would not.
    pub(super) fn sooner(&self, story: &Story) -> Option<(&Plan, Duration)> {
        let took = story.verdict.took(story.capture_ends)?;
        let Planned { plan, .. } = self.planned().as_ref().ok()?;
        let Notice::Within(span) = story.with_plan(plan)? else {
            return None;
        };
        (span.latest < took).then_some((plan, span.latest))
    }

    /// The same as a sentence, or why there is no plan.
    pub(super) fn plan(&self, story: &Story) -> Option<String> {
        if !story.verdict.is_death() {
            return None;
        }
        let asked = format!(
            "deadpeer plan --within {}",
            duration::typed(self.request.within).replace(' ', "")
        );
        let options = match self.planned() {
            Ok(Planned { options, .. }) => options,
            Err(refusal) => {
                let asks = story.verdict.silence.is_some();
                return asks.then(|| format!("{asked}: {refusal}"));
            }
        };
        let (_, latest) = self.sooner(story)?;
        let (when, while_doing) = (
            Upper(latest),
            story.bounded_silence().map_or("", Silence::words),
        );
        let program = deadpeer_recipes::of_port(story.ends[1].port);
        let program = program.map(|recipe| {
            let (title, name) = (&recipe.title, &recipe.name);
            format!("; in the words of {title}, if that is the server: --for {name}")
        });
        let program = program.unwrap_or_default();
        Some(format!(
            "with {asked} it would have been noticed within {when} {while_doing}: {options}{program}"
        ))
    }

    fn planned(&self) -> &Result<Planned, Refusal> {
        self.planned.get_or_init(|| {
            let policy = Policy::detect_within(self.request.within);
            let plan = compared_plan(&policy, &Kernel::modern(None))?;
            let words = plan.to_string();
            // The plan's own forecasts are of every state; in a story it is one.
            let options = words
                .split_once(": ")
                .map_or(&*words, |(options, _)| options);
            let options = options.to_owned();
            Ok(Planned { plan, options })
        })
    }
}
