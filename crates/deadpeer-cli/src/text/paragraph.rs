//! Paragraphs that are wrapped where there is a limit.

use std::io::{self, Write};

use anstyle::Style;
use deadpeer_report::plural::plural;

use super::look::{Look, display_width, write_styled};

/// A paragraph of safe text, wrapped where there is a limit.
pub(crate) fn paragraph<W: Write>(
    out: &mut W,
    look: Look,
    style: Style,
    first: &str,
    further: &str,
    text: &str,
) -> io::Result<()> {
    let room = look.width.map_or(usize::MAX, |width| {
        let indent = display_width(first).max(display_width(further));
        width.saturating_sub(indent).max(20)
    });
    let mut indent = first;
    for line in wrap(text, room) {
        out.write_all(indent.as_bytes())?;
        write_styled(out, look, style, &line)?;
        out.write_all(b"\n")?;
        indent = further;
    }
    Ok(())
}

/// A paragraph on so many of something, "3 sockets closed meanwhile."; none on none.
pub(crate) fn counted<W: Write>(
    out: &mut W,
    look: Look,
    style: Style,
    (count, what): (u64, &str),
    text: &str,
) -> io::Result<()> {
    match count {
        0 => Ok(()),
        _ => {
            let text = format!("{} {text}", plural(count, what));
            paragraph(out, look, style, "", "  ", &text)
        }
    }
}

/// Words of `text` in lines of at most `room` columns; a longer word has a line of its own.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let width = display_width(word);
        if used > 0 && used + 1 + width > room {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += width;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::style;

    fn shown(width: Option<usize>, text: &str) -> String {
        let mut out = Vec::new();
        let look = Look {
            width,
            color: false,
        };
        paragraph(&mut out, look, style::PLAIN, "- ", "  ", text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_pipe_gets_one_line() {
        let text = "word ".repeat(100);
        assert_eq!(shown(None, text.trim_end()).lines().count(), 1);
    }

    #[test]
    fn further_lines_stand_below_the_first_word() {
        assert_eq!(
            shown(Some(24), "one two three four five six"),
            "- one two three four\n  five six\n"
        );
    }

    #[test]
    fn a_long_word_has_a_line_of_its_own() {
        let word = "x".repeat(50);
        assert_eq!(
            shown(Some(24), &format!("a {word} b")),
            format!("- a\n  {word}\n  b\n")
        );
    }
}
