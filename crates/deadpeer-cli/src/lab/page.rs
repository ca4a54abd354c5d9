//! The report as one self-contained page.

use std::fmt::Write as _;

use deadpeer_lab::matrix::picture::{self, escape};
use deadpeer_lab::matrix::{Experiment, tally};

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>deadpeer lab matrix</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222; background: #fff; }
table { border-collapse: collapse; } td, th { padding: 2px 10px; text-align: left; border-bottom: 1px solid #ddd; }
td.n { text-align: right; } .wrong { color: #b3122a; } svg { max-width: none; } .wide { overflow-x: auto; }
</style></head><body>
";

/// The whole page.
pub(super) fn page(experiments: &[Experiment]) -> String {
    let mut html = HEAD.to_owned();
    let deadline = experiments
        .first()
        .map_or(0.0, |experiment| experiment.deadline_s);
    let _ = writeln!(
        html,
        "<h1>Who notices a dead peer within {deadline:.0} s?</h1>"
    );
    tallies(&mut html, experiments);
    let _ = writeln!(
        html,
        "<h2>Every fault, state and method</h2><div class=\"wide\">{}</div>",
        picture::matrix(experiments, picture::Tips::With)
    );
    let _ = writeln!(
        html,
        "<h2>When it was noticed</h2><div class=\"wide\">{}</div>",
        picture::times(experiments)
    );
    forecasts(&mut html, experiments);
    scenarios(&mut html, experiments);
    html.push_str("</body></html>\n");
    html
}

fn tallies(html: &mut String, experiments: &[Experiment]) {
    html.push_str("<table><tr><th>method</th><th>settings</th><th>dead noticed</th><th>live called dead</th><th>forecast right</th></tr>\n");
    for tally in tally(experiments) {
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{} of {}</td><td class=\"n\">{} of {}</td><td class=\"n\">{} of {}</td></tr>",
            escape(&tally.title),
            escape(&tally.settings),
            tally.dead_noticed,
            tally.dead,
            tally.live_called_dead,
            tally.live,
            tally.foretold_right,
            tally.foretold
        );
    }
    html.push_str("</table>\n");
}

fn forecasts(html: &mut String, experiments: &[Experiment]) {
    html.push_str("<h2>Forecast and measurement</h2><table><tr><th>scenario</th><th>state</th><th>method</th><th>forecast</th><th>measured</th></tr>\n");
    for experiment in experiments {
        for cell in &experiment.cells {
            let Some(foretold) = &cell.forecast else {
                continue;
            };
            let measured = cell.noticed.as_ref().map(|noticed| noticed.after_s);
            let _ = writeln!(
                html,
                "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{foretold}</td><td>{}</td></tr>",
                if foretold.holds {
                    ""
                } else {
                    " class=\"wrong\""
                },
                escape(&experiment.title),
                cell.state,
                cell.method,
                measured.map_or("not noticed".to_owned(), |after| format!("{after:.2} s"))
            );
        }
    }
    html.push_str("</table>\n");
}

fn scenarios(html: &mut String, experiments: &[Experiment]) {
    html.push_str("<h2>The scenarios, and what proves them</h2><table><tr><th>name</th><th>what happens</th><th>proof</th></tr>\n");
    for experiment in experiments {
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}<span class=\"wrong\"> {}</span></td></tr>",
            escape(&experiment.scenario),
            escape(&experiment.sentence),
            escape(&experiment.proof),
            escape(&experiment.problems.join("; "))
        );
    }
    html.push_str("</table>\n");
}
