//! Rules for every text of the repository.

use std::path::Path;

use anyhow::Result;
use ignore::WalkBuilder;

use super::Finding;

/// Words that put work off. Written in halves, so that this file is tidy.
const PUT_OFF: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Work is done or stands in an issue, not in the tree.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut walk = WalkBuilder::new(root);
    // Hidden files are ours too, .ci for one. The repository of git is not.
    walk.hidden(false)
        .filter_entry(|entry| entry.file_name() != ".git");
    for entry in walk.build() {
        let entry = entry?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        // What isn't text has no words.
        let Ok(text) = std::fs::read_to_string(entry.path()) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(word) = words.find(|word| PUT_OFF.contains(word)) {
                findings.push(Finding {
                    path: entry.path().to_owned(),
                    line: index + 1,
                    what: format!("{word}: do it or open an issue"),
                });
            }
        }
    }
    Ok(findings)
}
