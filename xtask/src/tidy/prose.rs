//! Rules for what people read: Markdown keeps to a width, and its links lead somewhere.

use std::path::Path;

use anyhow::{Context as _, Result};
use ignore::WalkBuilder;

use super::Finding;
use crate::check_situations::page::anchor;

/// The widest line of prose, in columns.
const WIDEST: usize = 110;

/// Pages that commands write, a paragraph a line.
const WRITTEN: [&str; 3] = ["docs/matrix.md", "docs/programs.md", "docs/situations.md"];

/// A line and what is wrong there.
type Fault = (usize, String);

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for entry in WalkBuilder::new(root).build() {
        let path = entry?.into_path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        let mut faults = lost_links(&path, &text);
        if !WRITTEN.iter().any(|page| path.ends_with(page)) {
            faults.extend(wide_lines(&text));
        }
        findings.extend(faults.into_iter().map(|(line, what)| Finding {
            path: path.clone(),
            line,
            what,
        }));
    }
    Ok(findings)
}

/// Lines that could be broken and are not. Tables can't be, and neither can headings.
fn wide_lines(text: &str) -> Vec<Fault> {
    let wide = unfenced(text).filter_map(|(line, text)| {
        let width = text.chars().count();
        let fixed = text.trim_start().starts_with(['|', '#']);
        let what = || format!("a line of {width} columns, at most {WIDEST}");
        (width > WIDEST && !fixed && can_break(text)).then(|| (line, what()))
    });
    wide.collect()
}

/// Whether there is a space between two words. One within `code` is part of the word.
fn can_break(line: &str) -> bool {
    let text = line.trim();
    let text = text.strip_prefix("- ").unwrap_or(text);
    text.split('`').step_by(2).any(|piece| piece.contains(' '))
}

/// Links to files of the repository, or to headings, that are not there.
fn lost_links(path: &Path, text: &str) -> Vec<Fault> {
    let links = unfenced(text).flat_map(|(line, text)| {
        let targets = text.split("](").skip(1);
        targets.filter_map(move |rest| Some((line, rest.split_once(')')?.0)))
    });
    let ours = links.filter(|(_, target)| !target.contains("://"));
    let lost = ours.filter(|(_, target)| !leads_somewhere(path, target));
    lost.map(|(line, target)| (line, format!("there is no {target}")))
        .collect()
}

fn leads_somewhere(from: &Path, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let file = match file {
        "" => from.to_owned(),
        _ => from.with_file_name(file),
    };
    if heading.is_empty() {
        return file.exists();
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    unfenced(&text)
        .filter(|(_, line)| line.starts_with('#'))
        .any(|(_, line)| anchor(line.trim_start_matches('#').trim()) == heading)
}

/// The lines that are no code, with their numbers.
fn unfenced(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}
