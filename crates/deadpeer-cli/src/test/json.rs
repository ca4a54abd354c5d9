//! The report as JSON lines.

use super::TestArgs;
use crate::exit::Stop;
use crate::json::{NoticeJson, OptionsJson, line, milliseconds, milliseconds_up};
use deadpeer_core::{Plan, Refusal};
use deadpeer_lab::trial::{Case, Failure, Outcome, Report, Verdict, advice};
use serde::Serialize;
use std::io::Write;

/// What came of one case.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "test_case")]
pub(crate) struct TestCaseJson {
    /// How the clients vanished, such as "power-off"; null: they lived.
    fault: Option<&'static str>,
    /// What they were doing, such as "idle"; null: they lived.
    state: Option<&'static str>,
    /// How they lived, such as "lossy"; null: they vanished.
    live: Option<&'static str>,
    /// "passed", "failed", "unclear", or "skipped": not asked for by name and not possible with this server.
    verdict: &'static str,
    /// "not-noticed", "kept" (the kernel gave up, the descriptor stayed open), "not-closed" (after the client's FIN) or
    /// "dropped" (a live client was); null: it did not fail.
    failure: Option<&'static str>,
    /// When the last connection was closed or a live one dropped, milliseconds after the fault; null: none was.
    after_ms: Option<u64>,
    /// By what: "keepalive", "retransmission", "window-probe", "reset" or "server"; null: none was closed.
    by: Option<&'static str>,
    /// Connections that were watched.
    connections: usize,
    /// The options in force on the first of them; null: not read.
    settings: Option<OptionsJson>,
    /// When the kernel gives such a connection up with these settings, in the worst case; for live clients, one whose
    /// client does not read. null: not known.
    kernel_gives_up: Option<NoticeJson>,
    /// What is wrong, or why nothing can be told; null: it passed.
    why: Option<String>,
    /// How long the case took, milliseconds.
    took_ms: u64,
}

/// The last line: what all of it comes to.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "test_summary")]
pub(crate) struct TestSummaryJson {
    /// "passed", "failed" or "unclear".
    verdict: &'static str,
    /// The deadline, milliseconds.
    within_ms: u64,
    /// Where the clients reached the server.
    address: String,
    /// Cases that passed.
    passed: usize,
    /// Cases that failed.
    failed: usize,
    /// Cases that could not be decided.
    unclear: usize,
    /// Cases that this server makes impossible.
    skipped: usize,
    /// Options that keep the deadline; null: none do.
    plan: Option<OptionsJson>,
    /// How long the test took, milliseconds.
    took_ms: u64,
}

/// Writes a line for each case and one for all.
pub(super) fn report(
    args: &TestArgs,
    report: &Report,
    plan: &Result<Plan, Refusal>,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let cases: Vec<TestCaseJson> = report.outcomes.iter().map(TestCaseJson::from).collect();
    let count = |verdict: &str| cases.iter().filter(|case| case.verdict == verdict).count();
    let summary = TestSummaryJson {
        verdict: match (report.failed(), report.unclear()) {
            (true, _) => "failed",
            (false, true) => "unclear",
            (false, false) => "passed",
        },
        within_ms: milliseconds(args.within),
        address: report.address.to_string(),
        passed: count("passed"),
        failed: count("failed"),
        unclear: count("unclear"),
        skipped: count("skipped"),
        plan: plan
            .as_ref()
            .ok()
            .map(|plan| OptionsJson::of(plan.options())),
        took_ms: milliseconds_up(report.took),
    };
    cases.iter().try_for_each(|case| line(out, case))?;
    line(out, &summary)
}

impl From<&Outcome> for TestCaseJson {
    fn from(outcome: &Outcome) -> Self {
        let (fault, state, live) = match outcome.case {
            Case::Vanish { fault, state } => (Some(fault.name()), Some(state.name()), None),
            Case::Live(living) => (None, None, Some(living.name())),
            _ => (None, None, None),
        };
        let (after, by) = match &outcome.verdict {
            Verdict::Passed { after, by } => (*after, *by),
            Verdict::Failed(Failure::Dropped { after, by }) => (Some(*after), Some(*by)),
            Verdict::Failed(_) | Verdict::Unclear { .. } | Verdict::Skipped { .. } | _ => {
                (None, None)
            }
        };
        Self {
            fault,
            state,
            live,
            verdict: verdict(&outcome.verdict),
            failure: failure(&outcome.verdict),
            after_ms: after.map(milliseconds_up),
            by: by.map(deadpeer_lab::trial::By::word),
            connections: outcome.connections,
            settings: outcome.settings.as_ref().map(OptionsJson::in_force),
            kernel_gives_up: outcome.forecast.and_then(NoticeJson::of),
            why: why(outcome),
            took_ms: milliseconds_up(outcome.took),
        }
    }
}

/// One word for a verdict.
fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed { .. } => "passed",
        Verdict::Failed(_) => "failed",
        Verdict::Skipped { .. } => "skipped",
        Verdict::Unclear { .. } | _ => "unclear",
    }
}

/// One word for what a server did wrong.
pub(super) fn failure(verdict: &Verdict) -> Option<&'static str> {
    let Verdict::Failed(failure) = verdict else {
        return None;
    };
    Some(match failure {
        Failure::NotNoticed { .. } => "not-noticed",
        Failure::Kept { .. } => "kept",
        Failure::NotClosed { .. } => "not-closed",
        Failure::Dropped { .. } => "dropped",
        _ => "other",
    })
}

/// What is wrong, or why nothing can be told.
pub(super) fn why(outcome: &Outcome) -> Option<String> {
    match &outcome.verdict {
        Verdict::Skipped { why } | Verdict::Unclear { why } => Some(why.clone()),
        Verdict::Passed { .. } | Verdict::Failed(_) | _ => advice(outcome),
    }
}
