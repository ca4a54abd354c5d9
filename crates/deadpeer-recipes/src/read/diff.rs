//! Changes of a text as a unified diff without context: only the lines concerned are shown, and
//! `patch` and `git apply --unidiff-zero` take it.

use std::fmt::Write as _;
use std::ops::Range;

use super::document::lines;

/// Other text in place of a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edit {
    pub(crate) at: (usize, usize),
    pub(crate) text: String,
}

impl Edit {
    pub(crate) fn new(at: Range<usize>, text: String) -> Self {
        Self {
            at: (at.start, at.end),
            text,
        }
    }
}

/// The text with the edits, which are in order and do not overlap.
pub(crate) fn applied(text: &str, edits: &[Edit]) -> String {
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        new.push_str(&text[at..edit.at.0]);
        new.push_str(&edit.text);
        at = edit.at.1;
    }
    new.push_str(&text[at..]);
    new
}

/// The unified diff of what the edits do to a file.
pub(crate) fn unified(path: &str, text: &str, edits: &[Edit]) -> String {
    let mut diff = format!("--- {path}\n+++ {path}\n");
    let begins: Vec<usize> = lines(text).map(|(begin, _)| begin).collect();
    let line_of = |offset: usize| begins.partition_point(|begin| *begin <= offset).max(1) - 1;
    let end_of = |line: usize| begins.get(line + 1).copied().unwrap_or(text.len());
    let mut rest = edits;
    let mut shift = 0_isize;
    while let Some(first) = rest.first() {
        let begin = line_of(first.at.0);
        let mut last = line_of(first.at.1.max(first.at.0));
        let mut taken = 1;
        // Edits of one line are one change.
        while let Some(next) = rest.get(taken).filter(|next| line_of(next.at.0) <= last) {
            last = last.max(line_of(next.at.1));
            taken += 1;
        }
        let (here, after) = rest.split_at(taken);
        rest = after;
        let range = begins.get(begin).copied().unwrap_or(0)..end_of(last);
        let moved = here.iter().map(|edit| Edit {
            at: (edit.at.0 - range.start, edit.at.1 - range.start),
            text: edit.text.clone(),
        });
        let moved: Vec<Edit> = moved.collect();
        let old = &text[range];
        hunk(&mut diff, begin, &mut shift, old, &applied(old, &moved));
    }
    diff
}

/// One change: the lines that stay at its begin and end are no part of it.
fn hunk(diff: &mut String, line: usize, shift: &mut isize, old: &str, new: &str) {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let same = old
        .iter()
        .zip(&new)
        .take_while(|(old, new)| old == new)
        .count();
    let (old, new) = (&old[same..], &new[same..]);
    let at_end = old.iter().rev().zip(new.iter().rev());
    let tail = at_end.take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    // Where nothing is taken away the number is that of the line before.
    let first = line + same + usize::from(!old.is_empty());
    let there = (line + same).cast_signed() + *shift + isize::from(!new.is_empty());
    let _ = writeln!(diff, "@@ -{first},{} +{there},{} @@", old.len(), new.len());
    for (sign, lines) in [('-', old), ('+', new)] {
        for line in lines {
            let _ = write!(diff, "{sign}{line}");
            if !line.ends_with('\n') {
                diff.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    *shift += new.len().cast_signed() - old.len().cast_signed();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_lines_are_shown() {
        let text = "a\nb 1 # why\nc\nd";
        let edits = [
            Edit::new(4..5, "22".into()),
            Edit::new(13..13, "\ne".into()),
            Edit::new(14..15, "D".into()),
        ];
        assert_eq!(applied(text, &edits), "a\nb 22 # why\nc\ne\nD");
        assert_eq!(
            unified("f", text, &edits),
            "--- f\n+++ f\n@@ -2,1 +2,1 @@\n-b 1 # why\n+b 22 # why\n@@ -3,0 +4,1 @@\n+e\n\
             @@ -4,1 +5,1 @@\n-d\n\\ No newline at end of file\n+D\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn a_line_at_the_end_that_had_none_is_told() {
        let diff = unified("f", "a", &[Edit::new(1..1, "\nb".into())]);
        assert!(
            diff.contains("-a\n\\ No newline at end of file\n+a\n+b\n\\ No"),
            "{diff}"
        );
        let diff = unified("f", "", &[Edit::new(0..0, "b\n".into())]);
        assert!(diff.contains("@@ -0,0 +1,1 @@\n+b\n"), "{diff}");
    }
}
