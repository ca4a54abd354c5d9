//! The picture of a story: two lines of life and what goes from one to the other, time running
//! down.
//!
//! Time is not to scale: a silence of hours takes as much room as one of seconds, and says how long
//! it is.

use std::fmt::Write as _;

use deadpeer_capture::story::{Event, Gone, Happening, Length};
use deadpeer_capture::talk::{Mark, What};
use deadpeer_capture::{Moment, Side, Story};

use super::escape;
use crate::explain::time::{Digits, Zone};

const CLIENT: usize = 200;
const SERVER: usize = 560;
const MIDDLE: usize = (CLIENT + SERVER) / 2;
const WIDTH: usize = 900;
const ROW: usize = 26;
const TOP: usize = 64;
/// So many of many equal things are drawn: the first ones, and the last.
const DRAWN: usize = 4;

/// Colours of the page, which knows whether it is dark.
const INK: &str = "var(--ink)";
const FAINT: &str = "var(--faint)";
const GOOD: &str = "var(--good)";
const NOTE: &str = "var(--note)";
const BAD: &str = "var(--bad)";

/// A story as SVG.
pub(super) fn draw(story: &Story, zone: Zone) -> String {
    let mut ladder = Ladder {
        rungs: String::new(),
        y: TOP + 18,
        zone,
        last_time: None,
        lost: [None; 2],
        // What was refused arrived, and so did what was answered.
        opening: match story.counts(Side::Server).packets {
            0 => Arrives::No,
            _ => Arrives::Yes,
        },
    };
    for event in &story.timeline {
        ladder.lose(story, event.at);
        ladder.event(event);
    }
    ladder.lose(story, story.capture_ends);
    ladder.finish(story)
}

struct Ladder {
    rungs: String,
    y: usize,
    zone: Zone,
    last_time: Option<String>,
    /// Where the line of a side that was gone becomes doubtful.
    lost: [Option<usize>; 2],
    /// How the arrow of a SYN ends.
    opening: Arrives,
}

/// How an arrow ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrives {
    Yes,
    No,
}

impl Ladder {
    /// From the last that was heard on, the line of who was gone is dashed.
    fn lose(&mut self, story: &Story, now: Moment) {
        let verdict = &story.verdict;
        let gone: &[Side] = match verdict.gone {
            Gone::Side(Side::Client) => &[Side::Client],
            Gone::Side(Side::Server) => &[Side::Server],
            Gone::Nobody
            | Gone::NotReceiving(_)
            | Gone::Path
            | Gone::Connection
            | Gone::Unknown
            | _ => &[],
        };
        for side in gone {
            let lost = &mut self.lost[place(*side)];
            if lost.is_none() && verdict.last_heard.is_none_or(|heard| now > heard) {
                *lost = Some(self.y - ROW / 2);
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let words = event.words();
        let side = event.side.unwrap_or(Side::Client);
        match &event.what {
            Happening::Silence => self.silence(event.until.since(event.at)),
            Happening::Established(_) => {
                self.arrow(event.at, Side::Client, Arrives::Yes, INK, "SYN");
                self.arrow(event.at, Side::Server, Arrives::Yes, INK, "SYN, ACK");
                self.arrow(event.at, Side::Client, Arrives::Yes, INK, &words);
            }
            Happening::Opening => self.arrow(event.at, side, self.opening, INK, "SYN"),
            Happening::Fin => self.arrow(event.at, side, Arrives::Yes, INK, "FIN"),
            Happening::Reset(reset) => {
                let colour = BAD;
                self.arrow(event.at, reset.side, Arrives::Yes, colour, "RST");
                self.remark(event.at, colour, &words);
            }
            Happening::GaveUp => self.mark(event.at, side, &words),
            Happening::Unheard(_) => self.remark(event.at, BAD, &words),
            Happening::Episode(what) => self.episode(event, side, what, &words),
            Happening::CaptureBegins
            | Happening::Closed
            | Happening::Replaced
            | Happening::CaptureEnds
            | _ => self.remark(event.at, FAINT, &words),
        }
    }

    fn episode(&mut self, event: &Event, side: Side, what: &What, words: &str) {
        match what {
            What::Exchange { .. } => self.band(event.at, words),
            What::Answered { count, .. } => {
                self.remark(event.at, GOOD, words);
                self.some_of(&event.marks, *count, |ladder, mark| {
                    ladder.arrow(mark.at, side, Arrives::Yes, GOOD, "probe");
                    ladder.arrow(
                        mark.answered.unwrap_or(mark.at),
                        !side,
                        Arrives::Yes,
                        GOOD,
                        "answer",
                    );
                });
            }
            What::Unanswered { count, .. } => {
                self.remark(event.at, BAD, words);
                self.all_of(&event.marks, *count, |ladder, mark| {
                    ladder.arrow(mark.at, side, Arrives::No, BAD, "probe");
                });
            }
            What::Resending { count, .. } => {
                self.remark(event.at, NOTE, words);
                self.all_of(&event.marks, *count, |ladder, mark| match mark.answered {
                    Some(at) => {
                        ladder.arrow(mark.at, side, Arrives::Yes, NOTE, "again");
                        ladder.arrow(at, !side, Arrives::Yes, GOOD, "acknowledged");
                    }
                    None => ladder.arrow(mark.at, side, Arrives::No, NOTE, "again"),
                });
            }
            What::WindowShut => self.mark(event.at, side, words),
            What::IcmpError { .. } | What::LeftOut { .. } | _ => {
                self.remark(event.at, FAINT, words);
            }
        }
    }

    /// The first of many, and how many more there are.
    fn some_of(&mut self, marks: &[Mark], count: u32, draw: impl Fn(&mut Self, &Mark)) {
        let shown = marks
            .len()
            .min(if count as usize > DRAWN { 2 } else { DRAWN });
        for mark in &marks[..shown] {
            draw(self, mark);
        }
        self.more(count as usize - shown.min(count as usize));
    }

    fn all_of(&mut self, marks: &[Mark], count: u32, draw: impl Fn(&mut Self, &Mark)) {
        for mark in marks {
            draw(self, mark);
        }
        self.more((count as usize).saturating_sub(marks.len()));
    }

    fn more(&mut self, n: usize) {
        if n > 0 {
            self.text(MIDDLE, self.y, "middle", FAINT, &format!("{n} more"));
            self.y += ROW;
        }
    }

    fn arrow(&mut self, at: Moment, from: Side, arrives: Arrives, colour: &str, words: &str) {
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
    fn band(&mut self, at: Moment, words: &str) {
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

    fn silence(&mut self, length: std::time::Duration) {
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
    fn mark(&mut self, at: Moment, side: Side, words: &str) {
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
    fn remark(&mut self, at: Moment, colour: &str, words: &str) {
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

    fn text(&mut self, x: usize, y: usize, anchor: &str, colour: &str, words: &str) {
        let _ = writeln!(
            self.rungs,
            r#"<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{}</text>"#,
            escape(words)
        );
    }

    fn finish(self, story: &Story) -> String {
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

fn place(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}
