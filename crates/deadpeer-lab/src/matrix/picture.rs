//! Pictures as SVG: the table in colours, and when each method noticed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Cell, CellVerdict, Experiment};
use crate::method;
use crate::scenario::Fate;
use crate::state::State;

const LABEL: usize = 230;
const BOX: usize = 12;
const ROW: usize = 17;
const GAP: usize = 28;
const HEAD: usize = 150;

/// Whether each cell says what it means when pointed at, which makes the picture three times as
/// large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tips {
    /// Each does.
    With,
    /// None does.
    Without,
}

/// The table: a row for each scenario, a block of states for each method.
pub fn matrix(experiments: &[Experiment], tips: Tips) -> String {
    let block = State::ALL.len() * BOX;
    let width = LABEL + method::NAMES.len() * (block + GAP) + 30;
    let height = HEAD + (experiments.len() + Fates::of(experiments)) * ROW + 110;
    let mut svg = open(width, height);
    for (place, name) in method::NAMES.into_iter().enumerate() {
        let x = LABEL + place * (block + GAP);
        for (line, words) in lines(title_of(experiments, name)).iter().enumerate() {
            text(&mut svg, x, 16 + line * 14, "bold", words);
        }
        for (index, state) in State::ALL.into_iter().enumerate() {
            let (x, y) = (x + index * BOX + 9, HEAD - 6);
            let _ = writeln!(
                svg,
                r##"<text x="{x}" y="{y}" font-size="9" fill="#555" transform="rotate(-90 {x} {y})">{state}</text>"##
            );
        }
    }
    let mut y = HEAD;
    let mut fate = None;
    let mut shapes: BTreeMap<&str, String> = BTreeMap::new();
    for experiment in experiments {
        if fate != Some(experiment.peer) {
            fate = Some(experiment.peer);
            text(&mut svg, 4, y + 12, "bold", heading(experiment.peer));
            y += ROW;
        }
        text(&mut svg, 12, y + 11, "normal", &experiment.title);
        for cell in &experiment.cells {
            let places = (
                method::NAMES.iter().position(|name| *name == cell.method),
                State::ALL.iter().position(|state| *state == cell.state),
            );
            if let (Some(column), Some(state)) = places {
                let x = LABEL + column * (block + GAP) + state * BOX;
                let fill = colour(cell, experiment.deadline_s);
                match tips {
                    Tips::With => square(&mut svg, x, y, fill, &tip(experiment, cell)),
                    Tips::Without => {
                        let shape = shapes.entry(fill).or_default();
                        let _ = write!(shape, "M{x} {y}h{}v14h-{}z", BOX - 1, BOX - 1);
                    }
                }
            }
        }
        y += ROW;
    }
    for (fill, shape) in shapes {
        let _ = writeln!(svg, r#"<path fill="{fill}" d="{shape}"/>"#);
    }
    legend(&mut svg, y + 14);
    svg.push_str("</svg>\n");
    svg
}

/// When each method noticed: a dot for each cell, on a line of seconds.
pub fn times(experiments: &[Experiment]) -> String {
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
                let (x, fill) = (at(noticed.after_s), colour(cell, experiment.deadline_s));
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
struct Fates;

impl Fates {
    fn of(experiments: &[Experiment]) -> usize {
        let mut changes = 0;
        let mut fate = None;
        for experiment in experiments {
            changes += usize::from(fate.replace(experiment.peer) != Some(experiment.peer));
        }
        changes
    }
}

fn heading(fate: Fate) -> &'static str {
    match fate {
        Fate::Gone => "The peer is gone",
        Fate::Alive => "The peer lives",
        Fate::Finished => "The peer ended its half",
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
    const LONGEST: usize = 13;
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

fn square(svg: &mut String, x: usize, y: usize, fill: &str, tip: &str) {
    let side = BOX - 1;
    let _ = writeln!(
        svg,
        r#"<rect x="{x}" y="{y}" width="{side}" height="14" fill="{fill}"><title>{}</title></rect>"#,
        escape(tip)
    );
}

fn legend(svg: &mut String, y: usize) {
    const MEANINGS: [(&str, &str); 7] = [
        (AT_ONCE, "noticed in the first tenth of the deadline"),
        (IN_TIME, "noticed within the deadline"),
        (LATE, "noticed too late"),
        (MISSED, "not noticed"),
        (UNNOTICEABLE, "not noticed: its end answers"),
        (QUIET, "rightly quiet"),
        (FALSE_ALARM, "live, and called dead"),
    ];
    for (place, (fill, words)) in MEANINGS.into_iter().enumerate() {
        let (x, y) = (LABEL + place % 4 * 290, y + place / 4 * 22);
        square(svg, x, y, fill, words);
        text(svg, x + 18, y + 11, "normal", words);
    }
}

const AT_ONCE: &str = "#1a7f37";
const IN_TIME: &str = "#6cc26a";
const LATE: &str = "#e3b341";
const MISSED: &str = "#f0a58f";
const UNNOTICEABLE: &str = "#d0ccc6";
const QUIET: &str = "#d8e8f5";
const FALSE_ALARM: &str = "#b3122a";

fn colour(cell: &Cell, deadline_s: f64) -> &'static str {
    let after = cell
        .noticed
        .as_ref()
        .map_or(f64::MAX, |noticed| noticed.after_s);
    match cell.verdict {
        CellVerdict::Noticed if after <= deadline_s / 10.0 => AT_ONCE,
        CellVerdict::Noticed => IN_TIME,
        CellVerdict::Late => LATE,
        CellVerdict::Missed => MISSED,
        CellVerdict::Unnoticeable => UNNOTICEABLE,
        CellVerdict::Quiet => QUIET,
        CellVerdict::FalseAlarm => FALSE_ALARM,
    }
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
