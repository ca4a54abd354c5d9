//! The stories as one self-contained page.

use super::answer::Answer;
use super::ladder;
use super::story::{heading, remarks};
use super::time::Digits;
use crate::exit::Stop;
use deadpeer_capture::story::Length;
use deadpeer_capture::{Side, Story};
use std::fmt::Write as _;
use std::path::Path;

/// So many stories are told in full; the table has them all.
const TOLD: usize = 50;
/// The table ends after so many rows.
const ROWS: usize = 2000;

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>deadpeer explain</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #22303c; background: #fff; }
table { border-collapse: collapse; margin: 1em 0; } td, th { padding: 3px 12px 3px 0; text-align: left; border-bottom: 1px solid #e2e8ee; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } td.t { white-space: nowrap; color: #667684; font-variant-numeric: tabular-nums; }
.bad { color: #b3122a; } .faint { color: #667684; } .wide { overflow-x: auto; } h2 { margin-top: 2.5em; border-top: 2px solid #e2e8ee; padding-top: 1em; }
</style></head><body>
";

/// Writes the page to `path`.
pub(super) fn write(path: &Path, answer: &Answer<'_>) -> Result<(), Stop> {
    std::fs::write(path, page(answer))
        .map_err(|error| Stop::because(format!("{}: {error}", path.display())))
}

fn page(answer: &Answer<'_>) -> String {
    let mut html = HEAD.to_owned();
    let source = escape(&answer.args.source());
    let _ = writeln!(html, "<h1>Who was gone in {source}</h1>");
    if let Some((first, last)) = answer.span {
        let _ = writeln!(
            html,
            "<p class=\"faint\">{} in {}, from {} to {}</p>",
            answer.size(),
            Length(last.since(first)),
            answer.zone.date(first),
            answer.zone.date(last)
        );
    }
    for caveat in answer.caveats() {
        let _ = writeln!(html, "<p class=\"faint\">{}</p>", escape(&caveat));
    }
    for group in &answer.groups {
        let _ = writeln!(html, "<p>{}</p>", escape(&group.sentence()));
    }
    table(&mut html, answer);
    for story in answer.stories().take(TOLD) {
        tell(&mut html, answer, &story);
    }
    html.push_str("</body></html>\n");
    html
}

fn table(html: &mut String, answer: &Answer<'_>) {
    html.push_str("<table><tr><th>N</th><th>begin</th><th>client</th><th>server</th><th>what happened</th></tr>\n");
    for (place, story) in answer.stories().take(ROWS).enumerate() {
        let number = match place < TOLD {
            true => format!("<a href=\"#c{0}\">{0}</a>", story.number),
            false => story.number.to_string(),
        };
        let _ = writeln!(
            html,
            "<tr><td class=\"n\">{number}</td><td class=\"t\">{}</td><td>{}</td><td>{}</td><td{}>{}</td></tr>",
            answer.zone.time(story.first, Digits::Milliseconds),
            story.end(Side::Client),
            story.end(Side::Server),
            if story.verdict.is_death() {
                " class=\"bad\""
            } else {
                ""
            },
            escape(&story.verdict.sentence(&story))
        );
    }
    html.push_str("</table>\n");
    let left_out = answer.stories().len().saturating_sub(ROWS);
    if left_out > 0 {
        let _ = writeln!(
            html,
            "<p class=\"faint\">{left_out} more are not in this table.</p>"
        );
    }
    if answer.fine > 0 {
        let _ = writeln!(
            html,
            "<p class=\"faint\">{} with nothing to tell.</p>",
            answer.fine
        );
    }
}

fn tell(html: &mut String, answer: &Answer<'_>, story: &Story) {
    let _ = writeln!(
        html,
        "<h2 id=\"c{}\">{}</h2>",
        story.number,
        escape(&heading(story))
    );
    let class = if story.verdict.is_death() {
        " class=\"bad\""
    } else {
        ""
    };
    let _ = writeln!(
        html,
        "<p{class}><strong>{}</strong></p>",
        escape(&story.verdict.sentence(story))
    );
    let _ = writeln!(
        html,
        "<div class=\"wide\">{}</div>",
        ladder::draw(story, answer.zone)
    );
    html.push_str("<table>\n");
    for event in &story.timeline {
        let _ = writeln!(
            html,
            "<tr><td class=\"t\">{}</td><td>{}</td></tr>",
            answer.zone.time(event.at, Digits::Milliseconds),
            escape(&event.words())
        );
    }
    html.push_str("</table>\n");
    for remark in remarks(answer, story) {
        let _ = writeln!(html, "<p>{}</p>", escape(&remark));
    }
}

/// Text as HTML and XML write it.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
