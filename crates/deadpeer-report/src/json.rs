//! JSON lines.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::printable::is_printable;

/// Writes a value as one line of JSON. Characters that do not print are written as `\uXXXX`, which
/// every reader of JSON turns back.
///
/// # Errors
/// What `out` says.
pub fn line<W: Write>(out: &mut W, value: &impl Serialize) -> io::Result<()> {
    let mut line = Vec::new();
    append_line(&mut line, value)?;
    out.write_all(&line)
}

/// Appends the same to lines.
///
/// # Errors
/// The value cannot be JSON.
pub fn append_line(lines: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    let begin = lines.len();
    value.serialize(&mut Serializer::new(&mut *lines))?;
    // Nearly all lines are plain; looking at all of one is faster than looking at each string.
    let plain = |all: bool, byte: &u8| all & matches!(*byte, b' '..=b'~');
    if !lines[begin..].iter().fold(true, plain) {
        lines.truncate(begin);
        value.serialize(&mut Serializer::with_formatter(&mut *lines, Printable))?;
    }
    lines.push(b'\n');
    Ok(())
}

/// The shortest JSON in which everything shows. The quotation marks, backslashes and C0 controls
/// are escaped by serde_json.
struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut shown = 0;
        let hidden = fragment.char_indices().filter(|(_, c)| !is_printable(*c));
        for (at, c) in hidden {
            out.write_all(&fragment.as_bytes()[shown..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            shown = at + c.len_utf8();
        }
        out.write_all(&fragment.as_bytes()[shown..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        line(&mut out, &text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_does_not_print_is_an_escape() {
        for (raw, shown) in [
            ("plain", r#""plain""#),
            ("a\u{7f}b\u{9b}", r#""a\u007fb\u009b""#),
            ("\u{1b}[31m\n", r#""\u001b[31m\n""#),
            ("evil\u{202e}txt", r#""evil\u202etxt""#),
            ("\u{e0041}\u{fe0f}!", r#""\udb40\udc41\ufe0f!""#),
            ("Größe \"\\", r#""Größe \"\\""#),
        ] {
            assert_eq!(written(raw), format!("{shown}\n"));
        }
    }

    #[test]
    fn names_of_fields_are_no_exception() {
        let mut out = Vec::new();
        let map = std::collections::BTreeMap::from([("\u{200b}", 1)]);
        line(&mut out, &map).unwrap();
        assert_eq!(out, b"{\"\\u200b\":1}\n");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_everything_shows(text in any::<String>()) {
            let json = written(&text);
            prop_assert!(json.trim_end_matches('\n').chars().all(is_printable));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
