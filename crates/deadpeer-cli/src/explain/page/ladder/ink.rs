//! Lines, arrows and words, one below the other.

use std::fmt::Write as _;
use std::time::Duration;

use deadpeer_capture::story::Length;
use deadpeer_capture::{Moment, Side, Story};

use super::{Arrives, Ladder, place};
use crate::explain::page::escape;
use crate::explain::time::Digits;

const CLIENT: usize = 200;
const SERVER: usize = 560;
pub(super) const MIDDLE: usize = (CLIENT + SERVER) / 2;
const WIDTH: usize = 900;
pub(super) const ROW: usize = 26;
pub(super) const TOP: usize = 64;

/// Colours of the page, which knows whether it is dark.
pub(super) const INK: &str = "var(--ink)";
pub(super) const FAINT: &str = "var(--faint)";
pub(super) const GOOD: &str = "var(--good)";
pub(super) const NOTE: &str = "var(--note)";
pub(super) const BAD: &str = "var(--bad)";

impl Ladder {
    pub(super) fn arrow(
        &mut self,
        at: Moment,
        from: Side,
        arrives: Arrives,
        colour: &str,
        words: &str,
    ) {
        self.time(at);
        let (start, end) = match from {
            Side::Client => (CLIENT, SERVER),
            Side::Server => (SERVER, CLIENT),
        };
        let forward = end > start;
        let tip = match (arrives, forward) {
            (Arrives::Yes, true) => end - 2,
            (Arrives::Yes, false) => end + 2,
            (Arrives::No, true) => start + (end - start) * 3 / 5,
            (Arrives::No, false) => start - (start - end) * 3 / 5,
        };
        let y = self.y;
        let _ = writeln!(
            self.rungs,
            r#"<line x1="{start}" y1="{y}" x2="{tip}" y2="{y}" stroke="{colour}" stroke-width="1.5"/>"#
        );
        match arrives {
            Arrives::Yes => {
                let back = if forward { tip - 8 } else { tip + 8 };
                let _ = writeln!(
                    self.rungs,
                    r#"<path d="M{tip} {y}L{back} {}L{back} {}z" fill="{colour}"/>"#,
                    y - 4,
                    y + 4
                );
            }
            Arrives::No => {
                let _ = writeln!(
                    self.rungs,
                    r#"<path d="M{} {}l10 10m0-10l-10 10" stroke="{colour}" stroke-width="2"/>"#,
                    tip - 5,
                    y - 5
                );
            }
        }
        self.text(MIDDLE, y - 5, "middle", colour, words);
        self.y += ROW;
    }

    /// Data went back and forth.
    pub(super) fn band(&mut self, at: Moment, words: &str) {
        self.time(at);
        let _ = writeln!(
            self.rungs,
            r##"<rect x="{CLIENT}" y="{}" width="{}" height="{}" fill="var(--band)" stroke="var(--edge)"/>"##,
            self.y - 14,
            SERVER - CLIENT,
            ROW
        );
        self.text(MIDDLE, self.y + 4, "middle", INK, words);
        self.y += ROW + 8;
    }

    pub(super) fn silence(&mut self, length: Duration) {
        let y = self.y;
        for x in [CLIENT, SERVER] {
            // The line of life is broken: not to scale.
            let _ = writeln!(
                self.rungs,
                r##"<path d="M{} {}l12 -5m-12 11l12 -5" stroke="{FAINT}" stroke-width="1.5"/>"##,
                x - 6,
                y
            );
        }
        self.text(
            MIDDLE,
            y + 3,
            "middle",
            FAINT,
            &format!("silent {}", Length(length)),
        );
        self.last_time = None;
        self.y += ROW;
    }

    /// Something at one side's line.
    pub(super) fn mark(&mut self, at: Moment, side: Side, words: &str) {
        self.time(at);
        let x = if side == Side::Client { CLIENT } else { SERVER };
        let _ = writeln!(
            self.rungs,
            r#"<rect x="{}" y="{}" width="10" height="10" fill="{BAD}"/>"#,
            x - 5,
            self.y - 5
        );
        self.text(SERVER + 14, self.y + 4, "start", BAD, words);
        self.y += ROW;
    }

    /// Words beside what comes next.
    pub(super) fn remark(&mut self, at: Moment, colour: &str, words: &str) {
        self.time(at);
        self.text(SERVER + 14, self.y + 4, "start", colour, words);
        self.y += ROW - 6;
    }

    fn time(&mut self, at: Moment) {
        let time = self.zone.time(at, Digits::Milliseconds);
        if self.last_time.as_ref() != Some(&time) {
            self.text(CLIENT - 16, self.y + 4, "end", FAINT, &time);
            self.last_time = Some(time);
        }
    }

    pub(super) fn text(&mut self, x: usize, y: usize, anchor: &str, colour: &str, words: &str) {
        let _ = writeln!(
            self.rungs,
            r#"<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{}</text>"#,
            escape(words)
        );
    }

    pub(super) fn finish(self, story: &Story) -> String {
        let height = self.y + 10;
        // What stands beside the lines needs room for its longest sentence, at about 7 units a
        // letter.
        let longest = story.timeline.iter().map(|event| event.words().len()).max();
        let width = WIDTH.max(SERVER + 40 + 7 * longest.unwrap_or(0));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"none\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"var(--paper)\"/>\n"
        );
        for (side, x) in [(Side::Client, CLIENT), (Side::Server, SERVER)] {
            let end = escape(&story.end(side).to_string());
            let _ = writeln!(
                svg,
                r##"<text x="{x}" y="20" text-anchor="middle" font-weight="bold" fill="{INK}">{side}</text><text x="{x}" y="38" text-anchor="middle" fill="{INK}">{end}</text>"##
            );
            let lost = self.lost[place(side)].unwrap_or(height - 6);
            let _ = writeln!(
                svg,
                r##"<line x1="{x}" y1="{}" x2="{x}" y2="{lost}" stroke="{INK}" stroke-width="2"/>"##,
                TOP - 18
            );
            if lost < height - 6 {
                let _ = writeln!(
                    svg,
                    r##"<line x1="{x}" y1="{lost}" x2="{x}" y2="{}" stroke="{BAD}" stroke-width="2" stroke-dasharray="3 5"/>"##,
                    height - 6
                );
            }
        }
        svg + &self.rungs + "</svg>\n"
    }
}
