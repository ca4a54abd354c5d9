//! The stories as one self-contained page, dark or light as the reader likes it, for wide screens
//! and phones.

mod ladder;
mod wait;

use std::fmt::Write as _;
use std::path::Path;

use deadpeer_capture::story::Length;
use deadpeer_capture::{Side, Story};

use super::answer::Answer;
use super::story::{heading, remarks};
use super::time::Digits;
use crate::exit::Stop;

/// So many stories are told in full; the table has them all.
const TOLD: usize = 50;
/// The table ends after so many rows.
const ROWS: usize = 2000;

const STYLE: &str = include_str!("page/page.css");

/// Writes the page to `path`.
pub(super) fn write(path: &Path, answer: &Answer<'_>) -> Result<(), Stop> {
    std::fs::write(path, page(answer))
        .map_err(|error| Stop::because(format!("{}: {error}", path.display())))
}

fn page(answer: &Answer<'_>) -> String {
    let source = escape(&answer.request.source.to_string());
    let headline = escape(&headline(answer));
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{headline} - {source}</title>\n<style>\n{STYLE}</style></head><body>\n\
         <h1>{headline}</h1>\n<p class=\"faint\">{source}</p>\n"
    );
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

/// What happened: the one thing there is to tell, or how many there are.
fn headline(answer: &Answer<'_>) -> String {
    let mut stories = answer.stories();
    match (stories.len(), stories.next()) {
        (1, Some(story)) => story.verdict.sentence(&story),
        _ => answer.headline(),
    }
}

fn table(html: &mut String, answer: &Answer<'_>) {
    html.push_str("<div class=\"wide\"><table class=\"connections\"><tr><th>N</th><th>begin</th><th>client</th><th>server</th><th>what happened</th></tr>\n");
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
    html.push_str("</table></div>\n");
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
    wait::draw(html, story, answer.zone);
    let _ = writeln!(
        html,
        "<div class=\"wide\">{}</div>",
        ladder::draw(story, answer.zone)
    );
    html.push_str("<div class=\"wide\"><table>\n");
    for event in &story.timeline {
        let _ = writeln!(
            html,
            "<tr><td class=\"t\">{}</td><td>{}</td></tr>",
            answer.zone.time(event.at, Digits::Milliseconds),
            escape(&event.words())
        );
    }
    html.push_str("</table></div>\n");
    for remark in remarks(&answer.advice, story) {
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
