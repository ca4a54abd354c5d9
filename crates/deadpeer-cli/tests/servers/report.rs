//! The JSON lines of a test.

use serde::Deserialize;

use crate::common::Ran;

/// What a busy machine may add, in seconds.
const LATE: f64 = 3.0;

/// Every case and the summary.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) cases: Vec<Case>,
    pub(crate) summary: Summary,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    fault: Option<String>,
    pub(crate) tried: bool,
    state: Option<String>,
    live: Option<String>,
    pub(crate) verdict: String,
    pub(crate) failure: Option<String>,
    pub(crate) after_ms: Option<u64>,
    pub(crate) by: Option<String>,
    pub(crate) connections: usize,
    pub(crate) settings: Option<Settings>,
    pub(crate) why: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) so_keepalive: bool,
    pub(crate) tcp_keepidle_s: u32,
    pub(crate) tcp_keepintvl_s: u32,
    pub(crate) tcp_keepcnt: u32,
    pub(crate) tcp_user_timeout_ms: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) verdict: String,
    pub(crate) address: String,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) unclear: usize,
    pub(crate) skipped: usize,
    pub(crate) foretold: usize,
    pub(crate) took_ms: u64,
}

impl Report {
    pub(crate) fn read(ran: &Ran) -> Self {
        let (summary, cases) = {
            let mut lines: Vec<&str> = ran.stdout.lines().collect();
            (lines.pop().expect("a summary"), lines)
        };
        let cases = cases.into_iter();
        let report = Self {
            code: ran.code,
            cases: cases
                .map(|line| serde_json::from_str(line).expect("a case"))
                .collect(),
            summary: serde_json::from_str(summary).expect("a summary"),
        };
        let Summary {
            passed,
            failed,
            unclear,
            skipped,
            foretold,
            ..
        } = report.summary;
        assert_eq!(
            passed + failed + unclear + skipped + foretold,
            report.cases.len()
        );
        let code = match report.summary.verdict.as_str() {
            "passed" => 0,
            "failed" => 1,
            "unclear" => 3,
            other => panic!("{other}"),
        };
        assert_eq!(report.code, code, "{report:#?}");
        report
    }

    /// The case with this name: `power-off idle`, `alive lossy`, `untried in-flight`.
    pub(crate) fn case(&self, name: &str) -> &Case {
        let case = self.cases.iter().find(|case| case.is(name));
        case.unwrap_or_else(|| panic!("no case {name}: {self:#?}"))
    }

    /// A case that passed, and so within the deadline: closed by this between these seconds, or a
    /// little later on a busy machine.
    pub(crate) fn passed(&self, name: &str, by: &str, seconds: std::ops::Range<f64>) {
        let case = self.case(name);
        assert_eq!(case.verdict, "passed", "{name}: {case:#?}");
        assert_eq!(case.by.as_deref(), Some(by), "{name}: {case:#?}");
        let after = case.after_ms.unwrap() as f64 / 1000.0;
        let in_time = (seconds.start..seconds.end + LATE).contains(&after);
        assert!(in_time, "{name}: {case:#?}");
    }

    /// A case of live clients that were kept.
    pub(crate) fn kept(&self, name: &str) {
        let case = self.case(name);
        assert_eq!(
            (case.verdict.as_str(), case.after_ms),
            ("passed", None),
            "{name}: {case:#?}"
        );
    }

    /// A case that failed like this, with this advice.
    pub(crate) fn failed(&self, name: &str, failure: &str, advice: &str) {
        let case = self.case(name);
        assert_eq!(case.verdict, "failed", "{name}: {case:#?}");
        assert_eq!(case.failure.as_deref(), Some(failure), "{name}: {case:#?}");
        let why = case.why.as_deref().unwrap();
        assert!(why.contains(advice), "{name}: {case:#?}");
    }

    /// A case that was not tried, and did not fail.
    pub(crate) fn foretold(&self, name: &str) {
        let case = self.case(name);
        assert_eq!(case.verdict, "foretold", "{name}: {case:#?}");
    }

    /// The case was not possible, for this reason.
    pub(crate) fn skipped(&self, name: &str, why: &str) {
        let case = self.case(name);
        assert_eq!(case.verdict, "skipped", "{name}: {case:#?}");
        assert!(case.why.as_deref().unwrap().contains(why), "{case:#?}");
    }
}

impl Case {
    /// Whether this is its name: `power-off idle`, `alive lossy`, `untried in-flight`.
    pub(crate) fn is(&self, name: &str) -> bool {
        let (first, second) = name.split_once(' ').unwrap();
        let state = self.state.as_deref() == Some(second);
        match first {
            "alive" => self.live.as_deref() == Some(second),
            "untried" => !self.tried && state,
            fault => self.fault.as_deref() == Some(fault) && state,
        }
    }
}
