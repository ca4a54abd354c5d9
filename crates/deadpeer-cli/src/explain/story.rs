//! The story of one connection: a line for each thing that happened, then the verdict.

use std::io::Write;

use anstyle::Style;
use deadpeer_capture::story::{Event, Happening};
use deadpeer_capture::talk::What;
use deadpeer_capture::{Side, Story};
use deadpeer_report::plural::plural;

use super::advice::Advice;
use super::answer::Answer;
use super::time::Digits;
use crate::exit::Stop;
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;

pub(super) fn write(answer: &Answer<'_>, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    for story in answer.stories() {
        one(answer, &story, look, out)?;
    }
    for caveat in answer.caveats() {
        paragraph(&mut *out, look, style::NOTE, "", "  ", &caveat)?;
    }
    Ok(())
}

fn one(answer: &Answer<'_>, story: &Story, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    paragraph(&mut *out, look, style::TITLE, "", "  ", &heading(story))?;
    writeln!(out, "{}", answer.zone.date(story.first))?;
    writeln!(out)?;
    for event in &story.timeline {
        let time = answer.zone.time(event.at, Digits::Milliseconds);
        let first = format!("  {time}  ");
        let further = " ".repeat(first.len());
        paragraph(
            &mut *out,
            look,
            tone(event),
            &first,
            &further,
            &event.words(),
        )?;
    }
    writeln!(out)?;
    let verdict = story.verdict.sentence(story);
    let bad = if story.verdict.is_death() {
        style::BAD
    } else {
        style::TITLE
    };
    paragraph(&mut *out, look, bad, "", "  ", &verdict)?;
    for line in remarks(&answer.advice, story) {
        paragraph(&mut *out, look, style::PLAIN, "", "  ", &line)?;
    }
    Ok(())
}

/// Which connection it is.
pub(super) fn heading(story: &Story) -> String {
    let guessed = if story.opening_seen {
        ""
    } else {
        " (by their ports: the opening was not captured)"
    };
    format!(
        "connection {}: client {}, server {}{guessed}",
        story.number,
        story.end(Side::Client),
        story.end(Side::Server)
    )
}

/// What else is to be said of it, a sentence each.
pub(super) fn remarks(advice: &Advice<'_>, story: &Story) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(story.verdict.evidence.iter().map(|evidence| {
        format!(
            "evidence ({}): {}",
            evidence.weight().word(),
            evidence.words()
        )
    }));
    for side in Side::BOTH {
        if let Some(settings) = story.settings(side).words() {
            said.push(format!("the {side} seems to use: {settings}"));
        }
        let missed = story.counts(side).uncaptured;
        if missed > 0 {
            said.push(format!(
                "the capture lacks {} that the {side} sent",
                plural(missed, "byte")
            ));
        }
    }
    said.extend(story.wait());
    said.extend(advice.plan(story));
    said
}

fn tone(event: &Event) -> Style {
    match &event.what {
        Happening::Silence | Happening::CaptureBegins | Happening::CaptureEnds => style::FAINT,
        Happening::GaveUp | Happening::Reset(_) | Happening::Unheard(_) => style::BAD,
        Happening::Episode(
            What::Unanswered { .. } | What::Resending { .. } | What::IcmpError { .. },
        ) => style::NOTE,
        Happening::Opening
        | Happening::Established(_)
        | Happening::Episode(_)
        | Happening::Fin
        | Happening::Closed
        | Happening::Replaced
        | _ => style::PLAIN,
    }
}
