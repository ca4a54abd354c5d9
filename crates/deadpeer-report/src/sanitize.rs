//! Text from outside, made safe for a terminal.
//!
//! A process may call itself anything: newlines that fake a row, escape codes that paint the
//! screen, bidirectional controls that turn a line around (Unicode TR 36). All of that is shown as
//! an escape.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::printable::is_printable;

/// `text` with every character that could move the cursor, reorder or hide text written as an
/// escape.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        push_escaped(&mut safe, c);
    }
    Cow::Owned(safe)
}

/// The same for bytes: what is not UTF-8 is shown as `\xNN`.
#[must_use]
pub fn sanitize_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return sanitize(text);
    }
    let mut safe = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut safe, c);
        }
        for byte in chunk.invalid() {
            push_byte(&mut safe, *byte);
        }
    }
    Cow::Owned(safe)
}

fn push_escaped(safe: &mut String, c: char) {
    match c {
        '\n' => safe.push_str("\\n"),
        '\r' => safe.push_str("\\r"),
        '\t' => safe.push_str("\\t"),
        '\0'..='\x1f' | '\x7f' => push_byte(safe, c as u8),
        c if is_printable(c) => safe.push(c),
        c => safe.extend(c.escape_unicode()),
    }
}

fn push_byte(safe: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(safe, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in [
            "nginx",
            "redis-server",
            "java -jar x\\y.jar",
            "Größe",
            "サーバ",
            "",
        ] {
            assert!(matches!(sanitize(name), Cow::Borrowed(same) if same == name));
        }
    }

    #[test]
    fn nothing_reaches_the_terminal_unescaped() {
        for (raw, shown) in [
            ("a\nb", "a\\nb"),
            ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            ("\r\t\0\x7f", "\\r\\t\\x00\\x7f"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("evil\u{202e}txt", "evil\\u{202e}txt"),
            ("a\u{2066}b\u{200b}c", "a\\u{2066}b\\u{200b}c"),
        ] {
            assert_eq!(sanitize(raw), shown);
            assert_eq!(sanitize_bytes(raw.as_bytes()), shown);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_bytes() {
        assert_eq!(sanitize_bytes(b"ab\xff\x1bc\xc3"), "ab\\xff\\x1bc\\xc3");
    }

    proptest! {
        #[test]
        fn the_result_is_always_safe(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(sanitize_bytes(&bytes).chars().all(is_printable));
        }

        #[test]
        fn sanitizing_twice_changes_nothing(text in any::<String>()) {
            let once = sanitize(&text).into_owned();
            prop_assert_eq!(sanitize(&once), once.as_str());
        }
    }
}
