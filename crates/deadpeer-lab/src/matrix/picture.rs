//! Pictures as SVG: the table in marks, and when each method noticed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::mark::{self, Mark};
use super::{Cell, Experiment};
use crate::method;
use crate::scenario::Fate;
use crate::state::State;

/// Width of the picture: what a page of documentation shows unscaled.
const WIDTH: usize = 880;
const LABEL: usize = 182;
/// A method's column, of which the marks of its states take all but the gap.
const COLUMN: usize = (WIDTH - LABEL) / method::NAMES.len();
const ROW: usize = 17;
const HEAD: usize = 52;

/// Whether each cell says what it means when pointed at, which makes the picture three times as
/// large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tips {
    /// Each does.
    With,
    /// None does.
    Without,
}

/// The table: a row for each scenario, a column for each method, and in it a mark for each state.
pub fn matrix(experiments: &[Experiment], tips: Tips) -> String {
    let height = HEAD + (experiments.len() + headings(experiments)) * ROW + 150;
    let mut svg = open(WIDTH, height);
    for (place, name) in method::NAMES.into_iter().enumerate() {
        let x = LABEL + place * COLUMN;
        for (line, words) in lines(title_of(experiments, name)).iter().enumerate() {
            let y = 11 + line * 12;
            let _ = writeln!(
                svg,
                r#"<text x="{x}" y="{y}" font-size="8.5" font-weight="bold">{}</text>"#,
                escape(words)
            );
        }
    }
    let mut y = HEAD;
    let mut fate = None;
    let mut shapes: BTreeMap<Mark, String> = BTreeMap::new();
    for experiment in experiments {
        if fate.replace(experiment.peer) != Some(experiment.peer) {
            text(&mut svg, 4, y + 12, "bold", heading(experiment.peer));
            y += ROW;
        }
        text(&mut svg, 12, y + 11, "normal", &experiment.title);
        for cell in &experiment.cells {
            let Some(x) = place_of(cell) else { continue };
            let mark = Mark::of(cell, experiment.deadline_s);
            match tips {
                Tips::With => mark.with_tip(&mut svg, x, y, &tip(experiment, cell)),
                Tips::Without => mark.append(shapes.entry(mark).or_default(), x, y),
            }
        }
        y += ROW;
    }
    for (mark, shape) in shapes {
        mark.path(&mut svg, &shape);
    }
    legend(&mut svg, y + 14);
    svg.push_str("</svg>\n");
    svg
}

/// Where in its row a cell has its mark.
fn place_of(cell: &Cell) -> Option<usize> {
    let column = method::NAMES.iter().position(|name| *name == cell.method)?;
    let state = State::ALL.iter().position(|state| *state == cell.state)?;
    Some(LABEL + column * COLUMN + state * mark::PITCH)
}

/// When each method noticed: a dot for each cell, on a line of seconds.
pub fn times(experiments: &[Experiment]) -> String {
    const LABEL: usize = 230;
    const PLOT: usize = 900;
    const LANE: usize = 46;
    let deadline = experiments
        .iter()
        .map(|one| one.deadline_s)
        .fold(0.0, f64::max);
    let last = deadline * 1.12;
    let height = method::NAMES.len() * LANE + 50;
    let mut svg = open(LABEL + PLOT + 30, height);
    let at = |seconds: f64| LABEL + (seconds.min(last) / last * PLOT as f64) as usize;
    let bottom = height - 34;
    for step in 0..=10 {
        let seconds = deadline * f64::from(step) / 10.0;
        let x = at(seconds);
        let _ = writeln!(
            svg,
            r##"<line x1="{x}" y1="8" x2="{x}" y2="{bottom}" stroke="#ddd"/>"##
        );
        text(
            &mut svg,
            x.saturating_sub(8),
            bottom + 16,
            "normal",
            &format!("{seconds:.0} s"),
        );
    }
    for (lane, name) in method::NAMES.into_iter().enumerate() {
        let top = 10 + lane * LANE;
        text(&mut svg, 4, top + 24, "bold", title_of(experiments, name));
        let mut row = 0;
        for experiment in experiments {
            for cell in experiment.cells.iter().filter(|cell| cell.method == name) {
                let Some(noticed) = &cell.noticed else {
                    continue;
                };
                // Spread over the lane, so that equal times do not hide each other.
                let y = top + 4 + row % 34;
                row += 7;
                let x = at(noticed.after_s);
                let fill = Mark::of(cell, experiment.deadline_s).colour();
                let _ = writeln!(
                    svg,
                    r#"<circle cx="{x}" cy="{y}" r="3" fill="{fill}" fill-opacity="0.75"><title>{}</title></circle>"#,
                    escape(&tip(experiment, cell))
                );
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// How many headings the rows need.
fn headings(experiments: &[Experiment]) -> usize {
    let mut fate = None;
    let starts = experiments
        .iter()
        .filter(|experiment| fate.replace(experiment.peer) != Some(experiment.peer));
    starts.count()
}

fn heading(fate: Fate) -> &'static str {
    match fate {
        Fate::Gone => "The peer is gone",
        Fate::Alive => "The peer lives",
        Fate::Finished => "The peer shut down its half",
        Fate::Frozen => "The program is frozen",
    }
}

/// The title of a method, with its name where no experiment had it.
fn title_of<'a>(experiments: &'a [Experiment], name: &'a str) -> &'a str {
    let mut columns = experiments
        .iter()
        .flat_map(|experiment| &experiment.methods);
    columns
        .find(|column| column.name == name)
        .map_or(name, |column| column.title)
}

/// A title in lines that fit over a block.
fn lines(title: &str) -> Vec<String> {
    const LONGEST: usize = 9;
    let mut lines: Vec<String> = Vec::new();
    // Names of options are long: they may be parted after an underscore.
    for word in title.split(' ').flat_map(|word| parts(word, LONGEST)) {
        match lines.last_mut() {
            Some(line) if !line.ends_with('_') && line.len() + 1 + word.len() <= LONGEST => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A word, or what it is made of if it is longer than that.
fn parts(word: &str, longest: usize) -> Vec<&str> {
    match word.rmatch_indices('_').next() {
        Some((at, _)) if word.len() > longest => vec![&word[..=at], &word[at + 1..]],
        Some(_) | None => vec![word],
    }
}

fn open(width: usize, height: usize) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    )
}

fn text(svg: &mut String, x: usize, y: usize, weight: &str, words: &str) {
    let _ = writeln!(
        svg,
        r#"<text x="{x}" y="{y}" font-weight="{weight}">{}</text>"#,
        escape(words)
    );
}

fn legend(svg: &mut String, y: usize) {
    for (place, mark) in Mark::ALL.into_iter().enumerate() {
        let (x, y) = (LABEL + place % 2 * 340, y + place / 2 * 20);
        let mut shape = String::new();
        mark.append(&mut shape, x, y);
        mark.path(svg, &shape);
        text(svg, x + 18, y + 11, "normal", mark.name());
    }
    let states = State::ALL.map(|state| state.to_string()).join(", ");
    let words = format!("In each cell, from left to right: {states}");
    text(svg, 12, y + 104, "normal", &words);
    let rest = "Nothing stands where a state does not go with a fault.";
    text(svg, 12, y + 122, "normal", rest);
}

/// A cell in a sentence.
fn tip(experiment: &Experiment, cell: &Cell) -> String {
    let mut tip = format!(
        "{}, {}, {}: {}",
        experiment.title,
        cell.state,
        cell.method,
        cell.verdict.name()
    );
    if let Some(noticed) = &cell.noticed {
        let _ = write!(
            tip,
            " after {:.2} s by {}",
            noticed.after_s, noticed.signal.words
        );
    }
    if let Some(foretold) = &cell.forecast {
        let _ = write!(tip, " (forecast: {foretold})");
    }
    tip
}

/// For text and attributes of XML and HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
