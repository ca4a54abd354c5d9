//! JSON lines.

mod writer;

use std::io::{self, Write};

use serde::Serialize;

use writer::Writer;

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
    value.serialize(Writer(lines))?;
    lines.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::printable::is_printable;

    /// Every form that serde knows.
    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    enum Form {
        Unit,
        Newtype(Vec<i8>),
        Tuple(u64, f64, bool),
        Struct {
            some: Option<char>,
            none: Option<()>,
        },
        Nested {
            map: std::collections::BTreeMap<String, (i64, f32)>,
            newtype: Box<Form>,
        },
    }

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
            // Eight bytes are looked at together, and the last eight of what is longer.
            ("eight\"in it", r#""eight\"in it""#),
            ("1234567\n", r#""1234567\n""#),
            ("12345678\\", r#""12345678\\""#),
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

    #[test]
    fn every_form_is_written_as_serde_json_writes_it() {
        let map = [
            ("a".to_owned(), (-1, 0.1)),
            ("b\"".to_owned(), (i64::MIN, 1e30)),
        ];
        let form = [
            Form::Unit,
            Form::Newtype(vec![]),
            Form::Newtype(vec![-1, 2]),
            Form::Tuple(u64::MAX, f64::NAN, true),
            Form::Struct {
                some: Some('\n'),
                none: None,
            },
            Form::Nested {
                map: map.into(),
                newtype: Box::new(Form::Unit),
            },
        ];
        let mut out = Vec::new();
        line(&mut out, &form).unwrap();
        let theirs = serde_json::to_string(&form).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), theirs + "\n");
    }

    #[test]
    fn a_key_that_is_no_string_is_refused() {
        let map = std::collections::BTreeMap::from([(1, 2)]);
        assert!(line(&mut Vec::new(), &map).is_err());
    }

    proptest! {
        #[test]
        fn ascii_is_written_as_serde_json_writes_it(text in "[ -~\n\t]{0,40}") {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap() + "\n");
        }

        #[test]
        fn nothing_is_lost_and_everything_shows(text in any::<String>()) {
            let json = written(&text);
            prop_assert!(json.trim_end_matches('\n').chars().all(is_printable));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
