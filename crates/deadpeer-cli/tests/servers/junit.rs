//! The report that CI servers read.

use quick_junit::{NonSuccessKind, TestCaseStatus};

use crate::room::Room;
use crate::room::installed;

#[test]
fn it_has_a_test_for_each_case() {
    let Some(python) = installed("python3") else {
        return;
    };
    let room = Room::new();
    let args = "--within 4s --port 8000 --fault power-off,close --clients 1 --only-tried --junit junit.xml";
    let Some(ran) = room.run(args, &[&python, "-m", "http.server", "8000"]) else {
        return;
    };
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    // Each result as it comes.
    assert_eq!(ran.stderr.lines().count(), 6, "{}", ran.stderr);
    let said = |result: &str| ran.stderr.lines().any(|line| line.contains(result));
    assert!(
        said("s  close idle: passed, closed after"),
        "{}",
        ran.stderr
    );
    assert!(
        said("s  power-off idle: failed, not in 4s"),
        "{}",
        ran.stderr
    );
    // The words for people: a line for each case, what is wrong, what to change, and the end of it.
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let words = |line: usize| -> Vec<&str> { lines[line].split_whitespace().take(3).collect() };
    assert_eq!(words(1), ["FAIL", "power-off", "idle"], "{}", ran.stdout);
    assert!(lines[2].contains("keepalive is off"), "{}", ran.stdout);
    assert_eq!(words(3), ["PASS", "close", "idle"], "{}", ran.stdout);
    assert_eq!(lines.last(), Some(&"Failed: 1 of 6."));

    let text = std::fs::read_to_string(room.path().join("junit.xml")).unwrap();
    let report = quick_junit::Report::deserialize_from_str(&text).expect("JUnit's format");
    assert_eq!(
        (report.tests, report.failures, report.errors, report.skipped),
        (9, 1, 0, 3)
    );
    let [suite] = &report.test_suites[..] else {
        panic!("{report:#?}")
    };
    assert!(suite.time.is_some_and(|time| time.as_secs() >= 4));
    let failed = &suite.test_cases[0];
    assert_eq!(failed.name.as_str(), "power-off idle");
    let TestCaseStatus::NonSuccess {
        kind, message, ty, ..
    } = &failed.status
    else {
        panic!("{failed:#?}")
    };
    assert_eq!(*kind, NonSuccessKind::Failure);
    assert_eq!(ty.as_ref().unwrap().as_str(), "not-noticed");
    assert!(message.as_ref().unwrap().as_str().contains("keepalive"));
    let passed =
        |case: &&quick_junit::TestCase| matches!(case.status, TestCaseStatus::Success { .. });
    assert_eq!(suite.test_cases.iter().filter(passed).count(), 5);
}
