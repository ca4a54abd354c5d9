//! The commands that texts print.

use std::path::Path;

/// A command as somebody would type it.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    /// With what the shell does, such as a pipe.
    pub(crate) typed: String,
    /// The words of it alone.
    pub(crate) words: Vec<String>,
    /// Between backquotes a verb may stand for itself, without what it needs.
    pub(crate) is_whole: bool,
}

/// Documents whose commands are looked at.
pub(crate) fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let markdown = docs.filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    let mut paths: Vec<_> = markdown.collect();
    paths.push(root.join("README.md"));
    let read = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.iter().map(|path| read(path)).collect()
}

/// The commands in a text: what follows `deadpeer` in code, up to where the writer goes on.
pub(crate) fn commands(text: &str) -> Vec<Printed> {
    let joined: Vec<&str> = text.split("\\\n").map(str::trim_start).collect();
    let text = joined.join(" ");
    let mut found = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        let typed = line
            .trim_start()
            .trim_start_matches("$ ")
            .trim_start_matches("# ");
        if in_block || line.starts_with("  deadpeer ") || line.starts_with("  sudo deadpeer ") {
            found.extend(command(typed, true));
        } else {
            let inline = line.split('`').skip(1).step_by(2);
            found.extend(inline.filter_map(|typed| command(typed, false)));
        }
    }
    found
}

/// One of them, unless it is none or stands for many.
fn command(text: &str, in_block: bool) -> Option<Printed> {
    let text = text.trim_start_matches("sudo ");
    if !text.starts_with("deadpeer ") || text.contains("...") || text.contains('[') {
        return None;
    }
    // Three blanks: a remark follows.
    let typed = text.split("   ").next().unwrap_or(text);
    let alone = typed.split(['|', '<', '>', ';']).next().unwrap_or(typed);
    let words = shlex::split(alone.trim_end_matches(['&', ' ']))?;
    let has_placeholder = words
        .iter()
        .any(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase()));
    (!has_placeholder && words.len() > 1).then(|| Printed {
        typed: typed.trim_end_matches(['&', ' ']).to_owned(),
        is_whole: in_block && words.len() > 2,
        words,
    })
}
