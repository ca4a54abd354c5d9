//! The situations as a page of the documentation.

use std::fmt::Write as _;

use serde::Deserialize;

const HEAD: &str = "# Situations

What people report about connections whose other end is gone, slow or silent, reproduced with the programs concerned, and what `deadpeer` answers.
Every answer is shown as it was printed, and followed by the exit code, as `(exit 1)`, where that is not 0. What deadpeer predicted was compared with what the kernel then did.

This page is the output of `cargo xtask check-situations --docs`, which needs root, Debian's programs and a few minutes; `cargo xtask check-situations NAME`
reproduces one. Each is a file of [crates/deadpeer-cli/tests/situations](../crates/deadpeer-cli/tests/situations).

| program | what happens | command | answer |
|---|---|---|---|
";

/// What came of a situation; the test of it writes this.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) place: usize,
    title: String,
    symptom: String,
    reports: Vec<String>,
    programs: Vec<String>,
    happens: String,
    asked: Vec<Asked>,
    held: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Asked {
    command: String,
    lines: Vec<String>,
    tells: Option<String>,
    exit: i32,
}

pub(super) fn page(all: &[Told]) -> String {
    let mut page = HEAD.to_owned();
    for told in all {
        page.push_str(&row(told));
    }
    for told in all {
        page.push_str(&section(told));
    }
    page
}

/// The first command with an answer is the one that tells.
fn row(told: &Told) -> String {
    let answered = |asked: &Asked| {
        let tells = asked.tells.as_deref()?;
        Some((asked.command.clone(), tells.trim().to_owned()))
    };
    let (command, answer) = told.asked.iter().find_map(answered).unwrap_or_default();
    format!(
        "| {} | [{}](#{}) | {} | {} |\n",
        told.programs.join(", "),
        told.title,
        anchor(&told.title),
        in_cell(&command),
        in_cell(&answer),
    )
}

fn section(told: &Told) -> String {
    let mut text = format!("\n## {}\n\n", told.title);
    let reports: Vec<String> = told.reports.iter().map(|report| link(report)).collect();
    let _ = writeln!(text, "> {}\n>\n> {}\n", told.symptom, reports.join(" · "));
    let _ = writeln!(text, "{}\n\n```console", told.happens);
    for asked in &told.asked {
        let _ = writeln!(text, "$ {}", asked.command);
        for line in &asked.lines {
            let _ = writeln!(text, "{line}");
        }
        if asked.exit != 0 {
            let _ = writeln!(text, "(exit {})", asked.exit);
        }
    }
    text.push_str("```\n");
    if !told.held.is_empty() {
        text.push('\n');
    }
    for held in &told.held {
        let _ = writeln!(text, "- {held}");
    }
    text
}

/// `owner/repository#number`, as a link to where it was reported.
fn link(report: &str) -> String {
    match report.split_once('#') {
        Some((repository, number)) => {
            format!("[{report}](https://github.com/{repository}/issues/{number})")
        }
        None => report.to_owned(),
    }
}

/// What a heading is called in a link.
pub(crate) fn anchor(title: &str) -> String {
    let kept = title.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || "-_".contains(c) => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// Code in a table, in which a bar would end the cell.
fn in_cell(code: &str) -> String {
    match code {
        "" => String::new(),
        code => format!("`{}`", code.replace('|', "\\|")),
    }
}
