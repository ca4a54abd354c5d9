//! The picture of a story: two lines of life and what goes from one to the other, time running
//! down.
//!
//! Time is not to scale: a silence of hours takes as much room as one of seconds, and says how long
//! it is.

mod ink;

use deadpeer_capture::story::{Event, Gone, Happening};
use deadpeer_capture::talk::{Mark, What};
use deadpeer_capture::{Moment, Side, Story};

use crate::explain::time::Zone;
use ink::{BAD, FAINT, GOOD, INK, MIDDLE, NOTE, ROW, TOP};

/// So many of many equal things are drawn: the first ones, and the last.
const DRAWN: usize = 4;

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
}

fn place(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}
