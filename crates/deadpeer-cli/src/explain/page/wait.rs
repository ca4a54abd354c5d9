//! The wait for somebody who was gone as a bar, to scale with the life of the connection.

use std::fmt::Write as _;

use deadpeer_capture::Story;
use deadpeer_capture::story::Length;

use super::escape;
use crate::explain::time::{Digits, Zone};

/// A bar narrower than this is not seen, per cent.
const NARROWEST: f64 = 0.5;

/// The bar, how long the wait was, and what decided that; nothing where nobody was gone.
pub(super) fn draw(html: &mut String, story: &Story, zone: Zone) {
    let verdict = &story.verdict;
    let since = verdict.last_heard.or(verdict.unanswered_since);
    let (Some(since), Some(took)) = (since, verdict.took(story.capture_ends)) else {
        return;
    };
    let until = since.plus(took);
    let whole = story.capture_ends.max(until).since(story.first);
    let share = |length: std::time::Duration| match whole.as_secs_f64() {
        0.0 => 0.0,
        whole => 100.0 * length.as_secs_f64() / whole,
    };
    let width = share(took).clamp(NARROWEST, 100.0);
    let left = share(since.since(story.first)).min(100.0 - width);
    let noticed = match verdict.noticed_at {
        Some(_) => "waited",
        None => "waited, and nobody had noticed when the capture ended,",
    };
    let _ = write!(
        html,
        "<figure><div class=\"scale\" title=\"the wait within the connection's {}\">\
         <span style=\"left:{left:.2}%;width:{width:.2}%\"></span></div>\n\
         <figcaption>{noticed} <b>{}</b>, from {} to {}",
        Length(whole),
        Length(took),
        zone.time(since, Digits::Milliseconds),
        zone.time(until, Digits::Milliseconds)
    );
    if let Some(setting) = story.wait() {
        let _ = write!(html, "; {}", escape(&setting));
    }
    html.push_str("</figcaption></figure>\n");
}
