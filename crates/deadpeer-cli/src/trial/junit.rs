//! The report in the format that CI servers read.

use std::path::Path;
use std::time::Duration;

use deadpeer_lab::trial::{CaseVerdict, Outcome, Report};
use deadpeer_report::duration;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::json::{failure, why};
use super::words::names;
use crate::exit::Stop;

/// Writes it to a file: one suite, a test for each case.
pub(super) fn write(within: Duration, report: &Report, file: &Path) -> Result<(), Stop> {
    let within = duration::typed(within);
    let mut suite = TestSuite::new(format!("vanished clients are noticed within {within}"));
    suite.set_time(report.took);
    suite.add_test_cases(report.outcomes.iter().map(test));
    let mut all = quick_junit::Report::new("deadpeer test");
    all.set_time(report.took);
    all.add_test_suite(suite);
    let failed = |error: &dyn std::fmt::Display| {
        Stop::because(format!("--junit {}: {error}", file.display()))
    };
    let text = all.to_string().map_err(|error| failed(&error))?;
    std::fs::write(file, text).map_err(|error| failed(&error))
}

fn test(outcome: &Outcome) -> TestCase {
    let (client, state) = names(outcome.case);
    let mut test = TestCase::new(format!("{client} {state}"), status(outcome));
    test.set_classname("deadpeer");
    test.set_time(outcome.took);
    test
}

fn status(outcome: &Outcome) -> TestCaseStatus {
    let why = why(outcome).unwrap_or_default();
    let mut status = match &outcome.verdict {
        CaseVerdict::Passed { .. } => return TestCaseStatus::success(),
        CaseVerdict::Skipped { .. } | CaseVerdict::Foretold => TestCaseStatus::skipped(),
        CaseVerdict::Failed(_) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        CaseVerdict::Unclear { .. } | _ => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    status.set_message(why);
    if let Some(kind) = failure(&outcome.verdict) {
        status.set_type(kind);
    }
    status
}
