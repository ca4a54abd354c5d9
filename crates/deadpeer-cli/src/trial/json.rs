//! The report as JSON lines.

use std::io::Write;
use std::time::Duration;

use deadpeer_core::{Plan, Refusal};
use deadpeer_lab::trial::{Case, CaseVerdict, Failure, Outcome, Report, State, advice};
use deadpeer_report::duration::{milliseconds, milliseconds_up};
use deadpeer_report::record::{ServiceRemedy, TestCase, TestSummary};

use crate::exit::Stop;
use crate::output::line;

/// Writes a line for each case and one for all.
pub(super) fn report(
    within: Duration,
    report: &Report,
    plan: &Result<Plan, Refusal>,
    remedy: Option<ServiceRemedy>,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let cases: Vec<TestCase> = report.outcomes.iter().map(case).collect();
    let count = |verdict: &str| cases.iter().filter(|case| case.verdict == verdict).count();
    let summary = TestSummary {
        verdict: match (report.failed(), report.unclear()) {
            _ if report.interrupted => "interrupted",
            (true, _) => "failed",
            (false, true) => "unclear",
            (false, false) => "passed",
        }
        .into(),
        within_ms: milliseconds(within),
        address: report.address.to_string(),
        passed: count("passed"),
        failed: count("failed"),
        unclear: count("unclear"),
        skipped: count("skipped"),
        foretold: count("foretold"),
        plan: plan.as_ref().ok().map(|plan| plan.options().into()),
        remedy,
        took_ms: milliseconds_up(report.took),
    };
    cases.iter().try_for_each(|case| line(out, case))?;
    line(out, &summary)
}

/// What came of one case.
fn case(outcome: &Outcome) -> TestCase {
    let (fault, state, live) = match outcome.case {
        Case::Vanish { fault, state } => (Some(fault.name()), Some(state.name()), None),
        Case::Live(living) => (None, None, Some(living.name())),
        Case::Untried(state) => (None, Some(state.name()), None),
        Case::Middlebox => (None, Some(State::Idle.name()), None),
        _ => (None, None, None),
    };
    let (after, by) = match &outcome.verdict {
        CaseVerdict::Passed { after, by } => (*after, *by),
        CaseVerdict::Failed(Failure::Dropped { after, by }) => (Some(*after), Some(*by)),
        CaseVerdict::Failed(_)
        | CaseVerdict::Foretold
        | CaseVerdict::Unclear { .. }
        | CaseVerdict::Skipped { .. }
        | _ => (None, None),
    };
    TestCase {
        fault: fault.map(Into::into),
        state: state.map(Into::into),
        live: live.map(Into::into),
        tried: outcome.was_tried(),
        verdict: verdict(&outcome.verdict).into(),
        failure: failure(&outcome.verdict).map(Into::into),
        after_ms: after.map(milliseconds_up),
        by: by.map(|by| by.word().into()),
        connections: outcome.connections,
        settings: outcome.settings.as_ref().map(Into::into),
        kernel_gives_up: outcome.forecast.map(Into::into),
        why: why(outcome),
        took_ms: milliseconds_up(outcome.took),
    }
}

/// One word for a verdict.
fn verdict(verdict: &CaseVerdict) -> &'static str {
    match verdict {
        CaseVerdict::Passed { .. } => "passed",
        CaseVerdict::Failed(_) => "failed",
        CaseVerdict::Skipped { .. } => "skipped",
        CaseVerdict::Foretold => "foretold",
        CaseVerdict::Unclear { .. } | _ => "unclear",
    }
}

/// One word for what a server did wrong.
pub(super) fn failure(verdict: &CaseVerdict) -> Option<&'static str> {
    let CaseVerdict::Failed(failure) = verdict else {
        return None;
    };
    Some(match failure {
        Failure::NotNoticed { .. } => "not-noticed",
        Failure::Kept { .. } => "kept",
        Failure::NotClosed { .. } => "not-closed",
        Failure::Dropped { .. } => "dropped",
        Failure::Foretold => "foretold",
        Failure::Forgotten { .. } => "forgotten",
        _ => "other",
    })
}

/// What is wrong, or why nothing can be told.
pub(super) fn why(outcome: &Outcome) -> Option<String> {
    match &outcome.verdict {
        CaseVerdict::Skipped { why } | CaseVerdict::Unclear { why } => Some(why.clone()),
        CaseVerdict::Failed(Failure::Foretold) => Some(match (outcome.case, advice(outcome)) {
            (Case::Untried(state), Some(advice)) => format!("{}: {advice}", not_tried(state)),
            (_, advice) => advice.unwrap_or_default(),
        }),
        CaseVerdict::Foretold => match outcome.case {
            Case::Untried(state) => Some(not_tried(state)),
            Case::Middlebox => Some("idle behind the middlebox: a probe comes in time".to_owned()),
            Case::Vanish { .. } | Case::Live(_) | _ => None,
        },
        CaseVerdict::Passed { .. } | CaseVerdict::Failed(_) | _ => advice(outcome),
    }
}

/// Says how to try a state.
fn not_tried(state: State) -> String {
    let name = state.name();
    match state {
        State::Idle => format!("not tried, give --fault power-off --state {name}"),
        State::InFlight => "not tried, give --send".to_owned(),
        State::ZeroWindow | State::Sending | State::LateWrite | _ => {
            format!("not tried, give --send and --state {name}")
        }
    }
}
