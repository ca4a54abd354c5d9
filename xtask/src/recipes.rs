//! Recipes in the documentation, and against the real programs.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use deadpeer_core::{Kernel, Notice, Silence};
use deadpeer_recipes::{Kind, Recipe, SideAdvice, SideKind, advise, all};
use deadpeer_report::duration::Upper;
use deadpeer_workspace::{cargo, root};

/// The deadline of the table.
const WITHIN: Duration = Duration::from_secs(60);

/// More than this does not fit into a cell.
const LONGEST: usize = 180;

const HEAD: &str = "# What programs can keep, and what to write

A row for each kind of socket that a program has: what `deadpeer plan --for PROGRAM --within 60s` says to write, and when a vanished peer is then noticed
in the worst case, on a kernel without `TCP_RTO_MAX_MS` (before Linux 6.15) and with untouched sysctls. **Bold** times are over 60 s: there it
takes `deadpeer run`, `deadpeer protect --new-connections` or the namespace's `tcp_retries2`.

*Proved*: the lines were written, Debian's program was started with them, its sockets had these options, and a client that vanished was noticed
as predicted. *Checked*: the same without the last step. Both by `cargo xtask check-recipes`. *Described*: only from the program's source and documentation. A `;` separates
lines.

This page is the output of `cargo xtask recipes`.

| program | whose connections | to write | idle | in flight | late write | tested |
|---|---|---|--:|--:|--:|---|
";

/// Writes docs/programs.md anew.
pub(crate) fn write() -> Result<bool> {
    fs::write(file(), page()).with_context(|| format!("writing {}", file().display()))?;
    Ok(true)
}

/// Tries every recipe whose program is installed, and the code of `plan` in every language whose
/// tools are.
pub(crate) fn check() -> Result<bool> {
    let mut all = true;
    for (target, tests) in [("servers", "recipes::"), ("plan", "code_")] {
        let mut test = cargo();
        test.args(["test", "--package", "deadpeer-cli", "--test", target, "--"]);
        test.args([tests, "--include-ignored", "--nocapture"]);
        all &= test.status().context("starting cargo")?.success();
    }
    Ok(all)
}

fn file() -> PathBuf {
    root().join("docs/programs.md")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for recipe in all() {
        let advice = advise(recipe, WITHIN, &Kernel::before_rto_max(None));
        for side in &advice.sides {
            let _ = writeln!(page, "{}", row(recipe, side));
        }
    }
    page
}

fn row(recipe: &Recipe, side: &SideAdvice) -> String {
    let whose = match (recipe.kind, side.side.side, &side.side.of) {
        (_, _, Some(of)) => of.clone(),
        (Kind::Library, _, None) => "of your code".to_owned(),
        (_, SideKind::Upstream, None) => "to servers".to_owned(),
        (_, SideKind::Accepted | _, None) => "of clients".to_owned(),
    };
    let lines: Vec<_> = side.lines.iter().map(|line| line.trim()).collect();
    // A bar would end the cell.
    let lines = match lines.join("; ").replace('|', "\\|") {
        nothing if nothing.is_empty() => "no such setting".to_owned(),
        lines if lines.len() > LONGEST => format!("see `plan --for {}`", recipe.name),
        lines => format!("`{lines}`"),
    };
    let [idle, in_flight, late] = Silence::JUDGED.map(|silence| told(side, silence));
    let proof = recipe.proof.name();
    format!(
        "| {} (`{}`) | {whose} | {lines} | {idle} | {in_flight} | {late} | {proof} |",
        recipe.title, recipe.name
    )
}

fn told(side: &SideAdvice, silence: Silence) -> String {
    let told = match side.fit.forecast.outlook(silence).worst {
        Notice::Never => "never".to_owned(),
        Notice::Within(span) => Upper(span.latest).to_string(),
    };
    match side.fit.keeps(silence) {
        true => told,
        false => format!("**{told}**"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo xtask recipes` writes it anew.
    #[test]
    fn the_page_in_the_tree_is_that_of_the_recipes() {
        let text = fs::read_to_string(file()).unwrap_or_default();
        assert!(text == page(), "docs/programs.md is not up to date");
    }
}
