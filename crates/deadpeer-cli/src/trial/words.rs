//! The report for people.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use anstyle::Style;
use deadpeer_core::{Effective, Notice, Plan, Refusal};
use deadpeer_lab::trial::{Case, CaseVerdict, Failure, Outcome, Report, State};
use deadpeer_report::duration::{self, Upper};

use super::json::why;
use crate::audit::words::SettingsWords;
use crate::exit::Stop;
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;
use crate::text::table::{Column, Row, Table};

const COLUMNS: [Column; 5] = [
    Column::text("result"),
    Column::text("client"),
    Column::text("state"),
    Column::number("closed after"),
    Column::text("by").fold(1),
];

/// Prints one line for each case, what is wrong below it, and what to change at the end.
pub(super) fn report(
    within: Duration,
    report: &Report,
    plan: &Result<Plan, Refusal>,
    remedy: &[String],
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let mut table = Table::new(&mut *out, look, &COLUMNS);
    for outcome in &report.outcomes {
        table.row(|row| fill(row, within, outcome))?;
        if let Some((style, note)) = note(outcome) {
            table.note(style, note)?;
        }
    }
    table.finish()?;
    out.write_all(b"\n")?;
    let mut say = |style: Style, text: &str| paragraph(out, look, style, "", "", text);
    say(style::PLAIN, &settings(report))?;
    if report.failed() {
        say(style::PLAIN, &change(within, plan))?;
        remedy.iter().try_for_each(|line| say(style::PLAIN, line))?;
    }
    let (style, text) = verdict(report);
    say(style, &text)?;
    Ok(())
}

fn fill(row: &mut Row, within: Duration, outcome: &Outcome) {
    let (style, result) = match outcome.verdict {
        CaseVerdict::Passed { .. } => (style::GOOD, "PASS"),
        CaseVerdict::Failed(_) => (style::BAD, "FAIL"),
        CaseVerdict::Skipped { .. } => (style::FAINT, "SKIP"),
        CaseVerdict::Foretold => (style::PLAIN, "-"),
        CaseVerdict::Unclear { .. } | _ => (style::NOTE, "OPEN"),
    };
    let (client, state) = names(outcome.case);
    row.cell(style, result).plain(client).plain(state);
    let live = matches!(outcome.case, Case::Live(_));
    match &outcome.verdict {
        CaseVerdict::Passed { after, by } => {
            match after {
                Some(after) => row.plain(Upper(*after)),
                None if live => row.plain("kept"),
                None => row.plain("-"),
            };
            row.plain(by.map(|by| by.to_string()).unwrap_or_default());
        }
        CaseVerdict::Failed(Failure::Dropped { after, by }) => {
            row.cell(style::BAD, Upper(*after)).plain(by);
        }
        CaseVerdict::Failed(Failure::Forgotten { .. }) => {
            row.cell(style::BAD, "forgotten").plain(SETTINGS);
        }
        CaseVerdict::Foretold if outcome.case == Case::Middlebox => {
            row.plain("kept").plain(SETTINGS);
        }
        CaseVerdict::Failed(Failure::Foretold) => {
            row.cell(style::BAD, Foretold(outcome.forecast))
                .plain(SETTINGS);
        }
        CaseVerdict::Foretold => {
            row.plain(Foretold(outcome.forecast)).plain(SETTINGS);
        }
        CaseVerdict::Failed(_) => {
            let deadline = duration::typed(within);
            row.cell(style::BAD, format_args!("not in {deadline}"))
                .plain("");
        }
        CaseVerdict::Unclear { .. } | CaseVerdict::Skipped { .. } | _ => {
            row.plain("-").plain("");
        }
    }
}

/// By what it is known of a state that was not tried.
const SETTINGS: &str = "its settings";

/// When the settings notice it.
struct Foretold(Option<Notice>);

impl fmt::Display for Foretold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.and_then(Notice::latest) {
            Some(latest) => Upper(latest).fmt(f),
            None => f.write_str("never"),
        }
    }
}

/// The names of a case in two columns.
pub(super) fn names(case: Case) -> (&'static str, &'static str) {
    match case {
        Case::Vanish { fault, state } => (fault.name(), state.name()),
        Case::Live(living) => (living.name(), "alive"),
        Case::Untried(state) => ("not tried", state.name()),
        Case::Middlebox => ("middlebox", State::Idle.name()),
        _ => ("other", ""),
    }
}

/// What is wrong, or why nothing can be said.
fn note(outcome: &Outcome) -> Option<(Style, String)> {
    let style = match &outcome.verdict {
        CaseVerdict::Passed { .. } | CaseVerdict::Failed(_) => style::NOTE,
        CaseVerdict::Foretold | CaseVerdict::Unclear { .. } | CaseVerdict::Skipped { .. } | _ => {
            style::FAINT
        }
    };
    why(outcome).map(|why| (style, deadpeer_report::sanitize::sanitize(&why).into()))
}

/// The settings that were seen, each once.
fn settings(report: &Report) -> String {
    let mut seen: Vec<Effective> = Vec::new();
    for settings in report
        .outcomes
        .iter()
        .filter_map(|outcome| outcome.settings)
    {
        if !seen.contains(&settings) {
            seen.push(settings);
        }
    }
    let words: Vec<String> = seen
        .iter()
        .map(|settings| SettingsWords(settings).to_string())
        .collect();
    match words.is_empty() {
        true => "The settings of the accepted sockets could not be read.".to_owned(),
        false => format!("Settings of the accepted sockets: {}.", words.join("; or ")),
    }
}

/// What would keep the deadline.
fn change(within: Duration, plan: &Result<Plan, Refusal>) -> String {
    match plan {
        Ok(plan) => format!(
            "What notices within {}: {plan}. The code to set it: deadpeer plan --within {}",
            duration::typed(within),
            duration::argument(within)
        ),
        Err(refusal) => refusal.to_string(),
    }
}

fn verdict(report: &Report) -> (Style, String) {
    let count = |is: fn(&CaseVerdict) -> bool| {
        let outcomes = report.outcomes.iter();
        outcomes.filter(|outcome| is(&outcome.verdict)).count()
    };
    let failed = count(|verdict| matches!(verdict, CaseVerdict::Failed(_)));
    let passed = count(|verdict| matches!(verdict, CaseVerdict::Passed { .. }));
    let foretold = count(|verdict| matches!(verdict, CaseVerdict::Foretold));
    let all = report.outcomes.len() - foretold;
    if report.interrupted {
        return (
            style::NOTE,
            format!("Interrupted: {passed} of {all} had passed, {failed} had failed."),
        );
    }
    match (failed, report.unclear()) {
        (0, false) if foretold > 0 => (
            style::GOOD,
            format!("Passed: {passed} of {all}; {foretold} not tried."),
        ),
        (0, false) => (style::GOOD, format!("Passed: {passed} of {all}.")),
        (0, true) => (style::NOTE, "Can't tell: see the lines above.".to_owned()),
        (failed, _) => (style::BAD, format!("Failed: {failed} of {all}.")),
    }
}
